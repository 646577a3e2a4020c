// R_AARCH64_MOVW_UABS_G1, one too many.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x100000000
// expect-error: movw-uabs-g1-above.s: .text+0x0: `external`: R_AARCH64_MOVW_UABS_G1 wants an unsigned 32-bit value, and this one is 0x100000000
.globl main
main:   movz x0, #:abs_g1:external
