// R_AARCH64_ABS16, one too few.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0xffffffffffff7fff
// expect-error: abs16-below.s: .text+0x0: `external`: R_AARCH64_ABS16 wants a 16-bit value, and this one is -0x8001
.globl main
main:   .hword external
