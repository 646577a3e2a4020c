// Relocation type 511 is not one of Kiln's: the last one before the thread-local ones.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// retype: .text+0x0 = 511
// expect-error: refused-511.s: .text+0x0: `external`: relocation type 511 of ELF arm64 is not supported
.globl main
main:   .word external - .
