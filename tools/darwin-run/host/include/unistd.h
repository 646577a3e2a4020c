#pragma once
#include <stddef.h>

typedef int pid_t;
typedef long ssize_t;
#define STDIN_FILENO 0
#define STDOUT_FILENO 1
#define STDERR_FILENO 2
#define _SC_PAGESIZE 29

ssize_t read(int fd, void *to, size_t size);
ssize_t write(int fd, const void *from, size_t size);
int close(int fd);
int isatty(int fd);
pid_t getpid(void);
pid_t fork(void);
long sysconf(int name);
unsigned sleep(unsigned seconds);
int usleep(unsigned microseconds);
unsigned alarm(unsigned seconds);
int pause(void);
void _exit(int status) __attribute__((noreturn));
