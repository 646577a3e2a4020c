// R_AARCH64_MOVW_UABS_G2: bits 47:32 of S + A (AAELF64, "Group relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x56789abcdef0
// covers: R_AARCH64_MOVW_UABS_G2
// expect main: 00 cf ca d2 // movz: external
// expect main+4: 01 cf ca f2 // movk: external + 0x10
.globl main
main:   movz x0, #:abs_g2:external
        movk x1, #:abs_g2:external + 0x10
