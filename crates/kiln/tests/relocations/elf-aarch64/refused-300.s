// Relocation type 300 is not one of Kiln's: R_AARCH64_MOVW_GOTOFF_G0 of the large code model.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// retype: .text+0x0 = 300
// expect-error: refused-300.s: .text+0x0: `external`: relocation type 300 of ELF arm64 is not supported
.globl main
main:   .word external - .
