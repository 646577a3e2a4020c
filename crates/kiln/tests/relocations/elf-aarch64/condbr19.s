// R_AARCH64_CONDBR19: S + A - P, b.cond, cbz and cbnz (AAELF64, "Control-flow instructions").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x18000
// covers: R_AARCH64_CONDBR19
// expect main: 01 00 04 54 // external - place
// expect main+4: e1 ff fb b4 // external - 0x10000 - place
// expect main+8: 02 00 04 35 // external + 8 - place
.globl main
main:   b.ne external
        cbz x1, external - 0x10000
        cbnz w2, external + 8
