// Literal sections are kept as they are: references to them stay right.
// target: aarch64-apple-darwin
// base: 0x10000
// expect 0x14000: 61 00 // "a"
// expect main: 00 40 01 00 00 00 00 00 // the first text
// expect main+8: 02 40 01 00 00 00 00 00 // the second one
// expect main+16: 08 40 01 00 00 00 00 00 // eight bytes
// expect main+24: 10 40 01 00 00 00 00 00 // sixteen bytes
.globl _main
_main:  .quad L_a, L_b, L_8, L_16
        .cstring
L_a:    .asciz "a"
L_b:    .asciz "a"
        .literal8
L_8:    .quad 5
        .literal16
L_16:   .quad 1, 2
