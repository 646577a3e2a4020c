// A descriptor with a function of its own.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: tlv-other-function.s: __thread_vars+0x0: a thread-local variable is found by another function than the loader's
.globl _main
_main:  ret
        .section __DATA,__thread_vars,thread_local_variables
_x:     .quad _main, 0, _x$tlv$init
        .section __DATA,__thread_data,thread_local_regular
        .long 7
_x$tlv$init: .long 3
