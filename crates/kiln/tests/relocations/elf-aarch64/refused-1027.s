// Relocation type 1027 is not one of Kiln's: R_AARCH64_RELATIVE, of linked files.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// retype: .text+0x0 = 1027
// expect-error: refused-1027.s: .text+0x0: `external`: relocation type 1027 of ELF arm64 is not supported
.globl main
main:   .word external - .
