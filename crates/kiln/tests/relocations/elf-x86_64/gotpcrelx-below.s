# R_X86_64_GOTPCRELX, one byte too far down.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# retype: .text+0x0 = 41 // R_X86_64_GOTPCRELX
# expect-error: gotpcrelx-below.s: .text+0x0: `external`: R_X86_64_GOTPCRELX at 0x10000 cannot reach 0x12345678: the distance is -0x80000001, it takes a signed 32-bit value
.globl main
main:   .long external@GOTPCREL - 0x80001001
