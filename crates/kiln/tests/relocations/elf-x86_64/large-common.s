# Common symbols of the medium code model, which are one with a small one of the same name.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect main: 00 10 01 00 00 00 00 00 // value: 16 bytes
# expect main+8: 10 10 01 00 00 00 00 00 // next
# expect user: 00 10 01 00 00 00 00 00 // value, by the other input
.globl main
main:   .quad value, next
        .largecomm value,16,8
        .largecomm next,8,8
# input
.globl user
user:   .quad value
        .comm value,8,8
