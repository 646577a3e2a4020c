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
