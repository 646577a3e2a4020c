// R_AARCH64_MOVW_PREL_G1: bits 31:16 of S + A - P, movz or movn by its sign (AAELF64, "Group relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: up = 0x9abddef0
// define: down = 0xffffffff6544210f
// covers: R_AARCH64_MOVW_PREL_G1
// expect main: 80 57 b3 d2 // movz: up - place
// expect main+4: 81 57 b3 92 // movn: the complement of down + 4 - place
// expect main+8: 82 57 b3 d2 // movz, out of movn: up + 8 - place
.globl main
main:   movz x0, #:prel_g1:up
        movz x1, #:prel_g1:down + 4
        movn x2, #:prel_g1:up + 8
