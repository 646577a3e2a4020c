// R_AARCH64_MOVW_SABS_G0 on a movk, which has no sign.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x10
// retype: .text+0x0 = 270 // R_AARCH64_MOVW_SABS_G0
// expect-error: wrong-movw-sabs.s: .text+0x0: `external`: R_AARCH64_MOVW_SABS_G0 is for another instruction than 0xf2800000
.globl main
main:   movk x0, #:abs_g0_nc:external
