# R_X86_64_8, one too few.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0xffffffffffffff7f
# expect-error: 8-below.s: .text+0x0: `external`: R_X86_64_8 wants a 8-bit value, and this one is -0x81
.globl main
main:   .byte external
