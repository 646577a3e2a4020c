// A descriptor of something that is in no thread-local section.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: tlv-place-outside.s: __thread_vars+0x10: `main`: the offset in a thread-local variable's descriptor of something that is no thread-local variable
.globl _main
_main:  ret
        .section __DATA,__thread_vars,thread_local_variables
_x:     .quad __tlv_bootstrap, 0, _main
        .section __DATA,__thread_data,thread_local_regular
        .long 7
_x$tlv$init: .long 3
