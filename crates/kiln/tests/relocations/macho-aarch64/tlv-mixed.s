// A variable that one input takes for thread-local, and another one defines as an ordinary one.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: tlv-mixed.s: `x`: is a thread-local variable here, and is not one in tlv-mixed.s#2
.globl _main
_main:  adrp x0, _x@TLVPPAGE
# input
        .data
.globl _x
_x:     .long 3
