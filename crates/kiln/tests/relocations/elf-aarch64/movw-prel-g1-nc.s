// R_AARCH64_MOVW_PREL_G1_NC: bits 31:16 of S + A - P, unchecked (AAELF64, "Group relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: up = 0x123456789abddef0
// define: down = 0xedcba9876544210f
// covers: R_AARCH64_MOVW_PREL_G1_NC
// expect main: 80 57 b3 f2 // movk: up - place
// expect main+4: 61 a8 ac f2 // movk: down + 4 - place, negative
// expect main+8: 82 57 b3 d2 // movz: up + 8 - place
.globl main
main:   movk x0, #:prel_g1_nc:up
        movk x1, #:prel_g1_nc:down + 4
        movz x2, #:prel_g1_nc:up + 8
