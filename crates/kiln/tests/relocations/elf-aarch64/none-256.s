// R_AARCH64_NONE (256): the withdrawn number of R_AARCH64_NONE (AAELF64, "Null relocation codes").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// covers: R_AARCH64_NONE (256)
// retype: .text+0x0 = 256 // withdrawn
// expect main: 00 00 00 00 // untouched
.globl main
main:   .word external - .
