// R_AARCH64_MOVW_UABS_G0 on a movn, which would make the complement.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x10
// retype: .text+0x0 = 263 // R_AARCH64_MOVW_UABS_G0
// expect-error: wrong-movw-uabs.s: .text+0x0: `external`: R_AARCH64_MOVW_UABS_G0 is for another instruction than 0x92800000
.globl main
main:   movn x0, #:abs_g0_s:external
