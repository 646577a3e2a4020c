// R_AARCH64_MOVW_UABS_G0: bits 15:0 of S + A (AAELF64, "Group relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0xdef0
// covers: R_AARCH64_MOVW_UABS_G0
// expect main: 00 de 9b d2 // movz: external
// expect main+4: 01 e0 9b f2 // movk: external + 0x10
.globl main
main:   movz x0, #:abs_g0:external
        movk x1, #:abs_g0:external + 0x10
