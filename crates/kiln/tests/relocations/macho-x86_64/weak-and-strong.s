# Of a weak and a strong definition the strong one counts, in both inputs.
# target: x86_64-apple-darwin
# base: 0x10000
# expect main: 18 00 01 00 00 00 00 00 // both of the second input, which stands at 0x10010
# expect second: 18 00 01 00 00 00 00 00 // both
.globl _main
        .globl _both
        .weak_definition _both
_main:  .quad _both
_both:  nop
# input
        .globl _second
        .globl _both
        .p2align 4
_second: .quad _both
_both:  ret
