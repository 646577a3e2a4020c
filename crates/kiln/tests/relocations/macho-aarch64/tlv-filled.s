// A descriptor that somebody has filled in.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: tlv-filled.s: __thread_vars+0x8: a thread-local variable's descriptor holds what the loader is to fill in
.globl _main
_main:  ret
        .section __DATA,__thread_vars,thread_local_variables
_x:     .quad __tlv_bootstrap, 5, _x$tlv$init
        .section __DATA,__thread_data,thread_local_regular
        .long 7
_x$tlv$init: .long 3
