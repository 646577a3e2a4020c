// R_AARCH64_MOVW_UABS_G3: bits 63:48 of S + A (AAELF64, "Group relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x123456789abcdef0
// covers: R_AARCH64_MOVW_UABS_G3
// expect main: 80 46 e2 d2 // movz: external
// expect main+4: 81 46 e2 f2 // movk: external + 0x10
.globl main
main:   movz x0, #:abs_g3:external
        movk x1, #:abs_g3:external + 0x10
