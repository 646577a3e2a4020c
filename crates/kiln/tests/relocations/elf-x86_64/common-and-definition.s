# A definition counts for all, in place of common symbols.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect main: 04 10 01 00 00 00 00 00 // shared of the second input
# expect shared: 07 00 00 00
.globl main
main:   .quad shared
        .comm shared, 8, 8
# input
        .data
        .globl shared
        .long 0
shared: .long 7
