// R_AARCH64_NONE: nothing is written, and the symbol must still be known (AAELF64, "Null relocation codes").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// covers: R_AARCH64_NONE
// retype: .text+0x0 = 0 // R_AARCH64_NONE
// expect main: 00 00 00 00 // untouched
.globl main
main:   .word external - .
