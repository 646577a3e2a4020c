# R_X86_64_16, one too few.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0xffffffffffff7fff
# expect-error: 16-below.s: .text+0x0: `external`: R_X86_64_16 wants a 16-bit value, and this one is -0x8001
.globl main
main:   .short external
