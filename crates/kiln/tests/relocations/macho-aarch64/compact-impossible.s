// A function that cannot be unwound, by its own word, and one that can.
// target: aarch64-apple-darwin
// base: 0x10000
// expect 0x14000: 14 00 00 00 00 00 00 00 01 7a 52 00 01 78 1e 01 10 0c 1f 00 00 00 00 00 1c 00 00 00 1c 00 00 00 e4 bf ff ff ff ff ff ff 04 00 00 00 00 00 00 00 00 0c 1f 00 00 00 00 00
.globl _f
_f:     ret
_g:     ret
        .section __LD,__compact_unwind,regular,debug
        .quad _f
        .long 4, 0
        .quad 0, 0
        .quad _g
        .long 4, 0x02000000
        .quad 0, 0
