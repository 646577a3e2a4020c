# Sections that are for the linker alone, and frame information that nothing reads in memory.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect main: 00 10 01 00 00 00 00 00 // the first of the constants
# expect 0x11000: 05
.globl main
main:   .quad value
        .section .for_the_linker,"ae",@progbits
        .quad 1
        .section .sframe,"a",@0x6ffffff4
        .quad 0
        .section .rodata,"a",@progbits
value:  .byte 5
