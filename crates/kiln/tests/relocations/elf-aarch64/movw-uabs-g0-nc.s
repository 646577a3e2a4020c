// R_AARCH64_MOVW_UABS_G0_NC: bits 15:0 of S + A, unchecked (AAELF64, "Group relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x123456789abcdef0
// covers: R_AARCH64_MOVW_UABS_G0_NC
// expect main: 00 de 9b d2 // movz: external
// expect main+4: 01 e0 9b f2 // movk: external + 0x10
.globl main
main:   movz x0, #:abs_g0_nc:external
        movk x1, #:abs_g0_nc:external + 0x10
