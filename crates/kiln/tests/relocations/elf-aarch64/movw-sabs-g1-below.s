// R_AARCH64_MOVW_SABS_G1, one too few.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0xfffffffeffffffff
// expect-error: movw-sabs-g1-below.s: .text+0x0: `external`: R_AARCH64_MOVW_SABS_G1 wants a signed 33-bit value, and this one is -0x100000001
.globl main
main:   movz x0, #:abs_g1_s:external
