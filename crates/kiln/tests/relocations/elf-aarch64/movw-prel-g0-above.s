// R_AARCH64_MOVW_PREL_G0, one byte too far up.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x20000
// expect-error: movw-prel-g0-above.s: .text+0x0: `external`: R_AARCH64_MOVW_PREL_G0 at 0x10000 cannot reach 0x20000: the distance is 0x10000, it takes a signed 17-bit value
.globl main
main:   movz x0, #:prel_g0:external
