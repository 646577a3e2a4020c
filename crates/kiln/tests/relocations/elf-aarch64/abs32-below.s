// R_AARCH64_ABS32, one too few.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0xffffffff7fffffff
// expect-error: abs32-below.s: .text+0x0: `external`: R_AARCH64_ABS32 wants a 32-bit value, and this one is -0x80000001
.globl main
main:   .word external
