# A definition in the inputs counts before one outside.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: both = 0x12345678
# expect main: 08 00 01 00 00 00 00 00 // both of the second input
.globl main
main:   .quad both
# input
        .globl both
both:   ret
