// R_AARCH64_PLT32: S + A - P, 4 bytes, of a function (AAELF64, "Data relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// covers: R_AARCH64_PLT32
// retype: .text+0x0 = 314 // R_AARCH64_PLT32
// retype: .text+0x4 = 314
// expect main: 78 56 33 12 // external - place
// expect main+4: 78 56 33 12 // external + 4 - place
.globl main
main:   .word external - .
        .word external - . + 4
