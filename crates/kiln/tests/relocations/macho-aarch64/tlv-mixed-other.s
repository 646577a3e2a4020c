// A variable that one input takes for an ordinary one, and another one defines as thread-local.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: tlv-mixed-other.s: `x`: is not a thread-local variable here, and is one in tlv-mixed-other.s#2
.globl _main
_main:  adrp x0, _x@PAGE
# input
        .section __DATA,__thread_vars,thread_local_variables
.globl _x
_x:     .quad __tlv_bootstrap
        .quad 0
        .quad _x$tlv$init
        .section __DATA,__thread_data,thread_local_regular
        .long 7
_x$tlv$init: .long 3
