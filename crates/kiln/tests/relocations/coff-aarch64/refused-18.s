// Relocation type 18 is not one of Kiln's: a number that nothing has.
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x12345678
// retype: .text+0x0 = 18
// expect-error: refused-18.s: .text+0x0: relocation type 18 of COFF arm64 is not supported
.globl main
main:   .long external
