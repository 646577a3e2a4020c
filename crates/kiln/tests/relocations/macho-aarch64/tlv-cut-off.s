// A descriptor that is cut off.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: tlv-cut-off.s: __thread_vars+0x10: descriptors of thread-local variables have 24 bytes, and one is cut off
.globl _main
_main:  ret
        .section __DATA,__thread_vars,thread_local_variables
_x:     .quad __tlv_bootstrap, 0
