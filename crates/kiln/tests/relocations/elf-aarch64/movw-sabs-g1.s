// R_AARCH64_MOVW_SABS_G1: bits 31:16 of S + A, movz or movn by its sign (AAELF64, "Group relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x9abcdef0
// define: negative = 0xffffffff6543210f
// covers: R_AARCH64_MOVW_SABS_G1
// expect main: 80 57 b3 d2 // movz: external
// expect main+4: 81 57 b3 92 // movn: the complement of negative, -external - 1
// expect main+8: 82 57 b3 d2 // movz, out of movn
.globl main
main:   movz x0, #:abs_g1_s:external
        movz x1, #:abs_g1_s:negative
        movn x2, #:abs_g1_s:external
