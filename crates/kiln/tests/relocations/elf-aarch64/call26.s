// R_AARCH64_CALL26: S + A - P (AAELF64, "Control-flow instructions").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x18000
// covers: R_AARCH64_CALL26
// expect main: 00 20 00 94 // external - place
// expect main+4: 01 20 00 94 // external + 8 - place
.globl main
main:   bl external
        bl external + 8
