// R_AARCH64_TSTBR14: S + A - P, tbz and tbnz (AAELF64, "Control-flow instructions").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12000
// covers: R_AARCH64_TSTBR14
// expect main: 00 00 09 b6 // external - place
// expect main+4: e0 ff 0e 37 // external - 0x4000 - place
.globl main
main:   tbz x0, #33, external
        tbnz w0, #1, external - 0x4000
