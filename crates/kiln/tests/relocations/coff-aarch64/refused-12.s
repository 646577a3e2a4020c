// Relocation type 12 is not one of Kiln's: IMAGE_REL_ARM64_TOKEN.
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x12345678
// retype: .text+0x0 = 12
// expect-error: refused-12.s: .text+0x0: relocation type 12 of COFF arm64 is not supported
.globl main
main:   .long external
