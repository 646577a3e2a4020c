# R_X86_64_PC32, one byte too far up.
# target: x86_64-unknown-linux-gnu
# base: 0x100000000
# define: external = 0x180000000
# expect-error: pc32-above.s: .text+0x0: `external`: R_X86_64_PC32 at 0x100000000 cannot reach 0x180000000: the distance is 0x80000000, it takes a signed 32-bit value
.globl main
main:   .long external - .
