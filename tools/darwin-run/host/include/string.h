#pragma once
#include <stddef.h>

void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *one, const void *other, size_t size);
size_t strlen(const char *text);
char *strcpy(char *to, const char *from);
char *strcat(char *to, const char *from);
char *strchr(const char *text, int byte);
char *strdup(const char *text);
char *strerror(int number);
int strcmp(const char *one, const char *other);
int strncmp(const char *one, const char *other, size_t size);
void *memchr(const void *from, int byte, size_t size);
char *strncpy(char *to, const char *from, size_t size);
char *strncat(char *to, const char *from, size_t size);
char *strrchr(const char *text, int byte);
char *strstr(const char *text, const char *part);
char *strpbrk(const char *text, const char *bytes);
char *strtok(char *text, const char *bytes);
size_t strspn(const char *text, const char *bytes);
size_t strcspn(const char *text, const char *bytes);
size_t strnlen(const char *text, size_t size);
int strcoll(const char *one, const char *other);
int strcasecmp(const char *one, const char *other);
int strncasecmp(const char *one, const char *other, size_t size);
int strerror_r(int number, char *to, size_t size);
