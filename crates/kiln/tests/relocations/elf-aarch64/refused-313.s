// Relocation type 313 is not one of Kiln's: R_AARCH64_LD64_GOTPAGE_LO15 of GCC's -fpic.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// retype: .text+0x0 = 313
// expect-error: refused-313.s: .text+0x0: `external`: relocation type 313 of ELF arm64 is not supported
.globl main
main:   .word external - .
