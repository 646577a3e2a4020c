# R_X86_64_8, one too many.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x100
# expect-error: 8-above.s: .text+0x0: `external`: R_X86_64_8 wants a 8-bit value, and this one is 0x100
.globl main
main:   .byte external
