// R_AARCH64_MOVW_PREL_G2, one byte too far up.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x1000000010000
// expect-error: movw-prel-g2-above.s: .text+0x0: `external`: R_AARCH64_MOVW_PREL_G2 at 0x10000 cannot reach 0x1000000010000: the distance is 0x1000000000000, it takes a signed 49-bit value
.globl main
main:   movz x0, #:prel_g2:external
