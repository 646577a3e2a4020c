// R_AARCH64_MOVW_PREL_G2, one byte too far down.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0xffff00000000ffff
// expect-error: movw-prel-g2-below.s: .text+0x0: `external`: R_AARCH64_MOVW_PREL_G2 at 0x10000 cannot reach 0xffff00000000ffff: the distance is -0x1000000000001, it takes a signed 49-bit value
.globl main
main:   movz x0, #:prel_g2:external
