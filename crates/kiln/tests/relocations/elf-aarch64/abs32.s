// R_AARCH64_ABS32: S + A, 4 bytes (AAELF64, "Data relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// covers: R_AARCH64_ABS32
// expect main: 78 56 34 12 // external
// expect main+4: 74 56 34 12 // external - 4
.globl main
main:   .word external
        .word external - 4
