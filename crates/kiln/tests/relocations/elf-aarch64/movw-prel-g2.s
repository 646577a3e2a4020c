// R_AARCH64_MOVW_PREL_G2: bits 47:32 of S + A - P, movz or movn by its sign (AAELF64, "Group relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: up = 0x56789abddef0
// define: down = 0xffffa9876544210f
// covers: R_AARCH64_MOVW_PREL_G2
// expect main: 00 cf ca d2 // movz: up - place
// expect main+4: 01 cf ca 92 // movn: the complement of down + 4 - place
// expect main+8: 02 cf ca d2 // movz, out of movn: up + 8 - place
.globl main
main:   movz x0, #:prel_g2:up
        movz x1, #:prel_g2:down + 4
        movn x2, #:prel_g2:up + 8
