// R_AARCH64_MOVW_PREL_G0: bits 15:0 of S + A - P, movz or movn by its sign (AAELF64, "Group relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: up = 0x1def0
// define: down = 0x210f
// covers: R_AARCH64_MOVW_PREL_G0
// expect main: 00 de 9b d2 // movz: up - place
// expect main+4: 01 de 9b 92 // movn: the complement of down + 4 - place
// expect main+8: 02 de 9b d2 // movz, out of movn: up + 8 - place
.globl main
main:   movz x0, #:prel_g0:up
        movz x1, #:prel_g0:down + 4
        movn x2, #:prel_g0:up + 8
