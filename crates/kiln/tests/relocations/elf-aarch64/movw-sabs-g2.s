// R_AARCH64_MOVW_SABS_G2: bits 47:32 of S + A, movz or movn by its sign (AAELF64, "Group relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x56789abcdef0
// define: negative = 0xffffa9876543210f
// covers: R_AARCH64_MOVW_SABS_G2
// expect main: 00 cf ca d2 // movz: external
// expect main+4: 01 cf ca 92 // movn: the complement of negative, -external - 1
// expect main+8: 02 cf ca d2 // movz, out of movn
.globl main
main:   movz x0, #:abs_g2_s:external
        movz x1, #:abs_g2_s:negative
        movn x2, #:abs_g2_s:external
