#pragma once
#include <sys/types.h>

#define CLOCKS_PER_SEC 1000000
#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 6
struct timespec {
  time_t tv_sec;
  long tv_nsec;
};
struct tm {
  int tm_sec, tm_min, tm_hour, tm_mday, tm_mon, tm_year, tm_wday, tm_yday, tm_isdst;
  long tm_gmtoff;
  char *tm_zone;
};
clock_t clock(void);
time_t time(time_t *to);
time_t mktime(struct tm *from);
double difftime(time_t one, time_t other);
size_t strftime(char *to, size_t size, const char *format, const struct tm *from);
struct tm *gmtime(const time_t *from);
struct tm *localtime(const time_t *from);
struct tm *gmtime_r(const time_t *from, struct tm *to);
struct tm *localtime_r(const time_t *from, struct tm *to);
int clock_gettime(int clock, struct timespec *to);
int nanosleep(const struct timespec *time, struct timespec *rest);
