// R_AARCH64_MOVW_PREL_G0_NC: bits 15:0 of S + A - P, unchecked (AAELF64, "Group relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: up = 0x123456789abddef0
// define: down = 0xedcba9876544210f
// covers: R_AARCH64_MOVW_PREL_G0_NC
// expect main: 00 de 9b f2 // movk: up - place
// expect main+4: e1 21 84 f2 // movk: down + 4 - place, negative
// expect main+8: 02 de 9b d2 // movz: up + 8 - place
.globl main
main:   movk x0, #:prel_g0_nc:up
        movk x1, #:prel_g0_nc:down + 4
        movz x2, #:prel_g0_nc:up + 8
