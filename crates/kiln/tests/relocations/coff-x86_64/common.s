# Common symbols: room at the end of the data, of the greatest size that an input wants.
# target: x86_64-pc-windows-msvc
# base: 0x10000
# expect main: 00 10 01 00 00 00 00 00 // shared: on the page behind the text
# expect main+8: 18 10 01 00 00 00 00 00 // other: 24 bytes further
# expect second: 00 10 01 00 00 00 00 00 // shared
# expect second+8: 18 10 01 00 00 00 00 00 // other
.globl main
main:   .quad shared
        .quad other
        .comm shared, 8
        .comm other, 1
# input
        .globl second
second: .quad shared
        .quad other
        .comm shared, 24
        .comm other, 2
