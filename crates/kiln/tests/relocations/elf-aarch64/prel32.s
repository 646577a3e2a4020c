// R_AARCH64_PREL32: S + A - P, 4 bytes (AAELF64, "Data relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// covers: R_AARCH64_PREL32
// expect main: 78 56 33 12 // external - place
// expect main+4: 6c 56 33 12 // external - 8 - place
.globl main
main:   .word external - .
        .word external - . - 8
