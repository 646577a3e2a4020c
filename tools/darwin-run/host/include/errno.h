#pragma once

int *__error(void);
#define errno (*__error())
#define EDOM 33
#define ERANGE 34
#define EINVAL 22
#define ENOENT 2
#define EPERM 1
#define EINTR 4
#define EIO 5
#define ENOMEM 12
#define EACCES 13
#define EBUSY 16
#define EEXIST 17
#define ENOTDIR 20
#define EISDIR 21
#define ENOSPC 28
#define EAGAIN 35
#define EWOULDBLOCK EAGAIN
#define ETIMEDOUT 60
#define ENOLCK 77
#define EOVERFLOW 84
#define ENOTSUP 45
