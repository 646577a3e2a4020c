# A note of the code's own is data like any other; what a code is ready for is not in the image.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect main: 00 10 01 00 00 00 00 00 // note
# expect 0x11000: 04 00 00 00 04 00 00 00 01 00 00 00 6f 77 6e 00 2a 00 00 00
.globl main
main:   .quad note
        .section .note.gnu.property,"a",@note
        .p2align 3
        .long 4, 16, 5
        .asciz "GNU"
        .long 0xc0000002, 4, 3, 0
        .section .note.own,"a",@note
note:   .long 4, 4, 1
        .asciz "own"
        .long 42
