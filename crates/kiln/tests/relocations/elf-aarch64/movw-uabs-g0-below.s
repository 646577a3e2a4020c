// R_AARCH64_MOVW_UABS_G0 of a negative value.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x0
// expect-error: movw-uabs-g0-below.s: .text+0x0: `external`: R_AARCH64_MOVW_UABS_G0 wants an unsigned 16-bit value, and this one is -0x1
.globl main
main:   movz x0, #:abs_g0:external - 1
