// Relocation type 574 is not one of Kiln's: the first one behind the thread-local ones.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// retype: .text+0x0 = 574
// expect-error: refused-574.s: .text+0x0: `external`: relocation type 574 of ELF arm64 is not supported
.globl main
main:   .word external - .
