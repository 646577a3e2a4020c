// A relocation in the middle of a descriptor.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: tlv-other-place.s: __thread_vars+0x8: a relocation at another place of a thread-local variable's descriptor
.globl _main
_main:  ret
        .section __DATA,__thread_vars,thread_local_variables
_x:     .quad __tlv_bootstrap, _main, _x$tlv$init
        .section __DATA,__thread_data,thread_local_regular
        .long 7
_x$tlv$init: .long 3
