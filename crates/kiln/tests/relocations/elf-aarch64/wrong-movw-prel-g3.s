// R_AARCH64_MOVW_PREL_G3 on a movk, which has no sign.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0xfff0
// retype: .text+0x0 = 293 // R_AARCH64_MOVW_PREL_G3
// expect-error: wrong-movw-prel-g3.s: .text+0x0: `external`: R_AARCH64_MOVW_PREL_G3 is for another instruction than 0xf2800000
.globl main
main:   movk x0, #:abs_g0_nc:external
