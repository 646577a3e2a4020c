// Relocation type 310 is not one of Kiln's: R_AARCH64_LD64_GOTOFF_LO15.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// retype: .text+0x0 = 310
// expect-error: refused-310.s: .text+0x0: `external`: relocation type 310 of ELF arm64 is not supported
.globl main
main:   .word external - .
