# R_X86_64_PC8, one byte too far down.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0xff7f
# expect-error: pc8-below.s: .text+0x0: `external`: R_X86_64_PC8 at 0x10000 cannot reach 0xff7f: the distance is -0x81, it takes a signed 8-bit value
.globl main
main:   .byte external - .
