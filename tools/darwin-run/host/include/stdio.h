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

typedef long long fpos_t;
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#define BUFSIZ 1024
#define L_tmpnam 1024
#define FILENAME_MAX 1024
#define _IOFBF 0
#define _IOLBF 1
#define _IONBF 2
FILE *fopen(const char *path, const char *mode);
FILE *freopen(const char *path, const char *mode, FILE *stream);
FILE *fdopen(int fd, const char *mode);
FILE *popen(const char *command, const char *mode);
FILE *tmpfile(void);
int pclose(FILE *stream);
int fclose(FILE *stream);
int fputc(int byte, FILE *stream);
int putc(int byte, FILE *stream);
int getc(FILE *stream);
int getc_unlocked(FILE *stream);
void flockfile(FILE *stream);
void funlockfile(FILE *stream);
int ungetc(int byte, FILE *stream);
char *fgets(char *to, int size, FILE *stream);
int feof(FILE *stream);
int ferror(FILE *stream);
void clearerr(FILE *stream);
int fileno(FILE *stream);
int fseek(FILE *stream, long offset, int whence);
int fseeko(FILE *stream, long long offset, int whence);
long ftell(FILE *stream);
long long ftello(FILE *stream);
void rewind(FILE *stream);
int setvbuf(FILE *stream, char *buffer, int mode, size_t size);
int sprintf(char *to, const char *format, ...) __attribute__((format(printf, 2, 3)));
int vsprintf(char *to, const char *format, va_list arguments);
int vfprintf(FILE *stream, const char *format, va_list arguments);
int sscanf(const char *text, const char *format, ...);
int fscanf(FILE *stream, const char *format, ...);
int remove(const char *path);
int rename(const char *from, const char *to);
void perror(const char *text);
char *tmpnam(char *name);
