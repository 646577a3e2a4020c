// R_AARCH64_ABS32, one too many.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x100000000
// expect-error: abs32-above.s: .text+0x0: `external`: R_AARCH64_ABS32 wants a 32-bit value, and this one is 0x100000000
.globl main
main:   .word external
