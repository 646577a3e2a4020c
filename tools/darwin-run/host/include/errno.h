#pragma once

int *__error(void);
#define errno (*__error())
#define EDOM 33
#define ERANGE 34
#define EINVAL 22
#define ENOENT 2
