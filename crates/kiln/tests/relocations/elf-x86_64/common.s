# Common symbols: room at the end of the data, of the greatest size and alignment that an input wants.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect main: 40 10 01 00 00 00 00 00 // shared: aligned to 64
# expect main+8: 58 10 01 00 00 00 00 00 // large: 24 bytes further
# expect main+16: 78 10 01 00 00 00 00 00 // other: 32 bytes further
# expect second: 40 10 01 00 00 00 00 00 // shared
# expect second+8: 78 10 01 00 00 00 00 00 // other
.globl main
main:   .quad shared
        .quad large
        .quad other
        .data
        .byte 1
        .comm shared, 8, 8
        .comm large, 32, 8
        .comm other, 1, 1
# input
        .globl second
second: .quad shared
        .quad other
        .comm shared, 24, 64
        .comm large, 4, 4
        .comm other, 2, 1
