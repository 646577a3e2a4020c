#pragma once

typedef int jmp_buf[48];
typedef int sigjmp_buf[49];
int setjmp(jmp_buf to) __attribute__((returns_twice));
int _setjmp(jmp_buf to) __attribute__((returns_twice));
int sigsetjmp(sigjmp_buf to, int signals) __attribute__((returns_twice));
void longjmp(jmp_buf from, int value) __attribute__((noreturn));
void _longjmp(jmp_buf from, int value) __attribute__((noreturn));
void siglongjmp(sigjmp_buf from, int value) __attribute__((noreturn));
