// R_AARCH64_GOTREL32: S + A - GOT (AAELF64, "GOT-relative data relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// covers: R_AARCH64_GOTREL32
// retype: .text+0x0 = 308 // R_AARCH64_GOTREL32
// expect main: 78 56 32 12 // external - 0x20000
.globl main
main:   .word external
