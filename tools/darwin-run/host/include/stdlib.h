#pragma once
#include <stddef.h>

#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *block, size_t size);
void free(void *block);
void abort(void) __attribute__((noreturn));
void exit(int status) __attribute__((noreturn));
void _Exit(int status) __attribute__((noreturn));
int atexit(void (*function)(void));
int atoi(const char *text);
long strtol(const char *text, char **end, int base);
char *getenv(const char *name);
int abs(int value);
void qsort(void *base, size_t count, size_t size, int (*order)(const void *, const void *));

#define RAND_MAX 0x7fffffff
#define MB_CUR_MAX 1
long long strtoll(const char *text, char **end, int base);
unsigned long strtoul(const char *text, char **end, int base);
unsigned long long strtoull(const char *text, char **end, int base);
double strtod(const char *text, char **end);
double atof(const char *text);
long atol(const char *text);
long labs(long value);
int rand(void);
void srand(unsigned seed);
int system(const char *command);
int setenv(const char *name, const char *value, int replace);
char *realpath(const char *path, char *to);
int mkstemp(char *name);
void *bsearch(const void *key, const void *base, size_t count, size_t size, int (*order)(const void *, const void *));
void qsort_r(void *base, size_t count, size_t size, void *argument, int (*order)(void *, const void *, const void *));
