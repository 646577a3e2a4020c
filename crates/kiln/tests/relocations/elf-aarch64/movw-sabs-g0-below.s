// R_AARCH64_MOVW_SABS_G0, one too few.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0xfffffffffffeffff
// expect-error: movw-sabs-g0-below.s: .text+0x0: `external`: R_AARCH64_MOVW_SABS_G0 wants a signed 17-bit value, and this one is -0x10001
.globl main
main:   movz x0, #:abs_g0_s:external
