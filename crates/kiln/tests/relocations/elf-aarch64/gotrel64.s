// R_AARCH64_GOTREL64: S + A - GOT (AAELF64, "GOT-relative data relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// covers: R_AARCH64_GOTREL64
// retype: .text+0x0 = 307 // R_AARCH64_GOTREL64
// expect main: 80 56 32 12 00 00 00 00 // external + 8 - 0x20000
.globl main
main:   .xword external + 8
