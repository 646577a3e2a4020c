# A common symbol counts before a weak definition, whatever the order (in Mach-O it is the other way round).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect main: 00 10 01 00 00 00 00 00 08 10 01 00 00 00 00 00
.globl main
.weak later
main:   .quad value, later
        .comm value,8,8
later:  .quad 6
# input
.weak value
value:  .quad 5
        .comm later,8,8
