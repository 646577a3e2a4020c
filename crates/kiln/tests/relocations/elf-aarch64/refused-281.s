// Relocation type 281 is not one of Kiln's: a number that nothing has.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// retype: .text+0x0 = 281
// expect-error: refused-281.s: .text+0x0: `external`: relocation type 281 of ELF arm64 is not supported
.globl main
main:   .word external - .
