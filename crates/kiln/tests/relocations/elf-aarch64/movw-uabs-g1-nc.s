// R_AARCH64_MOVW_UABS_G1_NC: bits 31:16 of S + A, unchecked (AAELF64, "Group relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x123456789abcdef0
// covers: R_AARCH64_MOVW_UABS_G1_NC
// expect main: 80 57 b3 d2 // movz: external
// expect main+4: 81 57 b3 f2 // movk: external + 0x10
.globl main
main:   movz x0, #:abs_g1_nc:external
        movk x1, #:abs_g1_nc:external + 0x10
