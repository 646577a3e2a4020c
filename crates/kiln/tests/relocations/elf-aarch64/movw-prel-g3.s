// R_AARCH64_MOVW_PREL_G3: bits 63:48 of S + A - P, movz or movn by its sign (AAELF64, "Group relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: up = 0x123456789abddef0
// define: down = 0xedcba9876544210f
// covers: R_AARCH64_MOVW_PREL_G3
// expect main: 80 46 e2 d2 // movz: up - place
// expect main+4: 81 46 e2 92 // movn: the complement of down + 4 - place
// expect main+8: 82 46 e2 d2 // movz, out of movn: up + 8 - place
.globl main
main:   movz x0, #:prel_g3:up
        movz x1, #:prel_g3:down + 4
        movn x2, #:prel_g3:up + 8
