// R_AARCH64_MOVW_PREL_G3 of a negative distance, with the other parts behind it.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x8000
// expect main: 00 00 e0 92 // movn: -0x8000 >> 48 is -1, its complement 0
// expect main+4: e0 ff df f2 e0 ff bf f2 00 00 90 f2 // the other bits of -0x8000
.globl main
main:   movz x0, #:prel_g3:external
        movk x0, #:prel_g2_nc:external + 4
        movk x0, #:prel_g1_nc:external + 8
        movk x0, #:prel_g0_nc:external + 12
