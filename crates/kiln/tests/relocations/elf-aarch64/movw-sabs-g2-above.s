// R_AARCH64_MOVW_SABS_G2, one too many.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x1000000000000
// expect-error: movw-sabs-g2-above.s: .text+0x0: `external`: R_AARCH64_MOVW_SABS_G2 wants a signed 49-bit value, and this one is 0x1000000000000
.globl main
main:   movz x0, #:abs_g2_s:external
