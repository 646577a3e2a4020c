#pragma once
#include <stdarg.h>
#include <stddef.h>

typedef struct __sFILE FILE;
extern FILE *__stdinp, *__stdoutp, *__stderrp;
#define stdin __stdinp
#define stdout __stdoutp
#define stderr __stderrp
#define EOF (-1)

int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
int fprintf(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));
int snprintf(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
int vprintf(const char *format, va_list arguments);
int vsnprintf(char *to, size_t size, const char *format, va_list arguments);
int puts(const char *text);
int putchar(int byte);
int fputs(const char *text, FILE *stream);
int fflush(FILE *stream);
int fgetc(FILE *stream);
int getchar(void);
size_t fread(void *to, size_t size, size_t count, FILE *stream);
size_t fwrite(const void *from, size_t size, size_t count, FILE *stream);
