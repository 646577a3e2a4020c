# R_X86_64_PC32, one byte too far down.
# target: x86_64-unknown-linux-gnu
# base: 0x100000000
# define: external = 0x80000000
# expect-error: pc32-below.s: .text+0x1: `external`: R_X86_64_PC32 at 0x100000001 cannot reach 0x80000000: the distance is -0x80000001, it takes a signed 32-bit value
.globl main
main:   nop
        .long external - .
