// Functions that no loader calls any more.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: refused-thread-init.s: __DATA,__thread_init: functions that the loader would call in each thread: it does not any more
.globl _main
_main:  ret
        .section __DATA,__thread_init,thread_local_init_function_pointers
        .quad 0
