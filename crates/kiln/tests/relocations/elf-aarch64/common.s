// Common symbols: room at the end of the data, of the greatest size and alignment that an input wants.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// expect main: 00 00 02 00 00 00 00 00 // shared: on the page behind the text
// expect main+8: 18 00 02 00 00 00 00 00 // other: 24 bytes further
// expect second: 00 00 02 00 00 00 00 00 // shared
// expect second+8: 18 00 02 00 00 00 00 00 // other
.globl main
main:   .xword shared
        .xword other
        .comm shared, 8, 8
        .comm other, 1, 1
// input
        .globl second
second: .xword shared
        .xword other
        .comm shared, 24, 64
        .comm other, 2, 1
