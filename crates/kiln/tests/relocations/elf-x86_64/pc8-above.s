# R_X86_64_PC8, one byte too far up.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x10080
# expect-error: pc8-above.s: .text+0x0: `external`: R_X86_64_PC8 at 0x10000 cannot reach 0x10080: the distance is 0x80, it takes a signed 8-bit value
.globl main
main:   .byte external - .
