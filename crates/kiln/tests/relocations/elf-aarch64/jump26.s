// R_AARCH64_JUMP26: S + A - P (AAELF64, "Control-flow instructions").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x18000
// covers: R_AARCH64_JUMP26
// expect main: 00 20 00 14 // external - place
// expect main+4: ff df ff 17 // external - 0x10000 - place
.globl main
main:   b external
        b external - 0x10000
