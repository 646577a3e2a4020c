# Common symbols: room at the end of the data, of the greatest size and alignment that an input wants.
# target: x86_64-apple-darwin
# base: 0x10000
# expect main: 40 10 01 00 00 00 00 00 // shared: aligned to 64
# expect main+8: 00 10 01 00 00 00 00 00 // other: the first by name, on the page behind the text
# expect second: 40 10 01 00 00 00 00 00 // shared
# expect second+8: 00 10 01 00 00 00 00 00 // other
.globl _main
_main:  .quad _shared
        .quad _other
        .comm _shared, 8, 3
        .comm _other, 1, 0
# input
        .globl _second
_second: .quad _shared
        .quad _other
        .comm _shared, 24, 6
        .comm _other, 2, 0
