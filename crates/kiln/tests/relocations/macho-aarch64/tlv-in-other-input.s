// A thread-local variable of another input, and its place in the block of all inputs.
// target: aarch64-apple-darwin
// base: 0x10000
// expect main: 40 00 00 90 00 00 00 91 // adrp x0, x; add x0, x0, x
// expect 0x18000: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00 // the descriptor
// expect 0x14000: 09 00 00 00 // the initial image
// expect 0x14004: 07 00 00 00 03 00 00 00
// expect-entries: 0 0
.globl _main
_main:  adrp x0, _x@TLVPPAGE
        ldr x0, [x0, _x@TLVPPAGEOFF]
        .section __DATA,__thread_data,thread_local_regular
        .long 9
# input
        .section __DATA,__thread_vars,thread_local_variables
.globl _x
_x:     .quad __tlv_bootstrap
        .quad 0
        .quad _x$tlv$init
        .section __DATA,__thread_data,thread_local_regular
        .long 7
_x$tlv$init: .long 3
