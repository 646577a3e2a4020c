# Two strong definitions.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect-error: duplicate.s#2: `main`: is defined in duplicate.s too
.globl main
main:   ret
# input
        .globl main
main:   nop
