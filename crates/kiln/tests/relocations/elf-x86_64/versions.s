# A name with a version: `value` and `value@V2` mean the definition whose version is the name's own, `value@V1` the other.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect main: 09 10 01 00 00 00 00 00 08 10 01 00 00 00 00 00 09 10 01 00 00 00 00 00 // second, first, second
# expect value: 02
        .globl main
        .symver old, value@V1
        .symver new, value@V2
main:   .quad value, old, new
# input
        .globl first, second
        .symver first, value@V1
        .symver second, value@@V2
        .section .rodata,"a",@progbits
        .quad 0
first:  .byte 1
second: .byte 2
