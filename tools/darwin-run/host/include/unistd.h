#pragma once
#include <sys/types.h>

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
#define F_OK 0
#define X_OK 1
#define W_OK 2
#define R_OK 4
#ifndef SEEK_SET
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#endif
off_t lseek(int fd, off_t offset, int whence);
ssize_t pread(int fd, void *to, size_t size, off_t offset);
ssize_t pwrite(int fd, const void *from, size_t size, off_t offset);
ssize_t readlink(const char *path, char *to, size_t size);
int access(const char *path, int mode);
int chdir(const char *path);
int dup(int fd);
int fsync(int fd);
int ftruncate(int fd, off_t size);
int fchown(int fd, uid_t owner, gid_t group);
int gethostuuid(unsigned char id[16], const void *timeout);
int link(const char *from, const char *to);
int symlink(const char *from, const char *to);
int pipe(int fds[2]);
int rmdir(const char *path);
int unlink(const char *path);
int execlp(const char *path, const char *argument, ...);
char *getcwd(char *to, size_t size);
pid_t getppid(void);
uid_t getuid(void);
uid_t geteuid(void);
int getpagesize(void);
