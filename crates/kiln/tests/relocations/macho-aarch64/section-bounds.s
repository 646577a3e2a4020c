// Names for where a section and a segment begin and end.
// target: aarch64-apple-darwin
// base: 0x10000
// expect main: 00 40 01 00 00 00 00 00 10 40 01 00 00 00 00 00 // of the section, in both inputs
// expect main+16: 00 00 01 00 00 00 00 00 // of the segment
.globl _main
_main:  .quad section$start$__DATA$__list
        .quad section$end$__DATA$__list
        .quad segment$start$__TEXT
        .quad 0
        .section __DATA,__list
        .quad 1
// input
        .section __DATA,__list
        .quad 2
