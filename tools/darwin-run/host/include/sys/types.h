#pragma once
#include <stddef.h>

typedef int pid_t;
typedef long ssize_t;
typedef long long off_t;
typedef unsigned short mode_t;
typedef int dev_t;
typedef unsigned uid_t;
typedef unsigned gid_t;
typedef unsigned long long ino_t;
typedef unsigned short nlink_t;
typedef long time_t;
typedef int suseconds_t;
typedef unsigned long clock_t;
typedef unsigned useconds_t;
typedef int blksize_t;
typedef long long blkcnt_t;
typedef unsigned char u_char;
