// R_AARCH64_MOVW_SABS_G0: bits 15:0 of S + A, movz or movn by its sign (AAELF64, "Group relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0xdef0
// define: negative = 0xffffffffffff210f
// covers: R_AARCH64_MOVW_SABS_G0
// expect main: 00 de 9b d2 // movz: external
// expect main+4: 01 de 9b 92 // movn: the complement of negative, -external - 1
// expect main+8: 02 de 9b d2 // movz, out of movn
.globl main
main:   movz x0, #:abs_g0_s:external
        movz x1, #:abs_g0_s:negative
        movn x2, #:abs_g0_s:external
