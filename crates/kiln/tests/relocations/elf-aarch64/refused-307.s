// Relocation type 307 is not one of Kiln's: R_AARCH64_GOTREL64.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// retype: .text+0x0 = 307
// expect-error: refused-307.s: .text+0x0: `external`: relocation type 307 of ELF arm64 is not supported
.globl main
main:   .word external - .
