// R_AARCH64_ABS16, one too many.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x10000
// expect-error: abs16-above.s: .text+0x0: `external`: R_AARCH64_ABS16 wants a 16-bit value, and this one is 0x10000
.globl main
main:   .hword external
