// A thread-local variable.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: refused-thread-local.s: __DATA,__thread_bss: thread-local variables are not supported yet
.globl _main
_main:  ret
        .tbss _variable, 4, 2
