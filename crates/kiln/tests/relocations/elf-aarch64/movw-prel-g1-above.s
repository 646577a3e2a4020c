// R_AARCH64_MOVW_PREL_G1, one byte too far up.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x100010000
// expect-error: movw-prel-g1-above.s: .text+0x0: `external`: R_AARCH64_MOVW_PREL_G1 at 0x10000 cannot reach 0x100010000: the distance is 0x100000000, it takes a signed 33-bit value
.globl main
main:   movz x0, #:prel_g1:external
