// A descriptor without a place.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: tlv-no-place.s: __thread_vars+0x18: a thread-local variable's descriptor names no function or no place
.globl _main
_main:  ret
        .section __DATA,__thread_vars,thread_local_variables
_x:     .quad __tlv_bootstrap, 0, _x$tlv$init
        .quad __tlv_bootstrap, 0, 8
        .section __DATA,__thread_data,thread_local_regular
        .long 7
_x$tlv$init: .long 3
