// R_AARCH64_PREL16, one byte too far up.
// target: aarch64-unknown-linux-gnu
// base: 0x200000000
// define: external = 0x200010000
// expect-error: prel16-above.s: .text+0x0: `external`: R_AARCH64_PREL16 at 0x200000000 cannot reach 0x200010000: the distance is 0x10000, it takes a 16-bit value
.globl main
main:   .hword external - .
