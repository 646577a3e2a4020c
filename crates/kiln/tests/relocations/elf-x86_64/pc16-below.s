# R_X86_64_PC16, one byte too far down.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x7fff
# expect-error: pc16-below.s: .text+0x0: `external`: R_X86_64_PC16 at 0x10000 cannot reach 0x7fff: the distance is -0x8001, it takes a signed 16-bit value
.globl main
main:   .short external - .
