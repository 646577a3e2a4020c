# A label in a section that is empty has the section's alignment.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect main: 20 00 01 00 00 00 00 00 // code, behind 9 bytes
# expect main+8: 40 10 01 00 00 00 00 00 // constants, behind 1 byte
.globl main
main:   .quad code, constants
        .byte 0xcc
        .section .text.empty,"ax",@progbits
        .p2align 5
code:
        .section .rodata.first,"a",@progbits
        .byte 1
        .section .rodata.empty,"a",@progbits
        .p2align 6
constants:
