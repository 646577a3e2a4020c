# Of a weak and a strong definition the strong one counts, in both inputs.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect main: 18 00 01 00 00 00 00 00 // both of the second input, which stands at 0x10010
# expect second: 18 00 01 00 00 00 00 00 // both
# expect both: c3 // ret
.globl main
main:   .quad both
        .weak both
both:   nop
# input
        .globl second, both
        .p2align 4
second: .quad both
both:   ret
