// R_AARCH64_MOVW_SABS_G2, one too few.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0xfffeffffffffffff
// expect-error: movw-sabs-g2-below.s: .text+0x0: `external`: R_AARCH64_MOVW_SABS_G2 wants a signed 49-bit value, and this one is -0x1000000000001
.globl main
main:   movz x0, #:abs_g2_s:external
