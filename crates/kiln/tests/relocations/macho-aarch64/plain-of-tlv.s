// An access as of an ordinary variable to one that is thread-local.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: plain-of-tlv.s: __text+0x0: `x`: ARM64_RELOC_PAGE21 of a thread-local variable, which has another address in each thread
.globl _main
_main:  adrp x0, _x@PAGE
        .section __DATA,__thread_vars,thread_local_variables
.globl _x
_x:     .quad __tlv_bootstrap
        .quad 0
        .quad _x$tlv$init
        .section __DATA,__thread_data,thread_local_regular
        .long 7
_x$tlv$init: .long 3
