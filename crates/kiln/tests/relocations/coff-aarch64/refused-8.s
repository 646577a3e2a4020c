// Relocation type 8 is not one of Kiln's: IMAGE_REL_ARM64_SECREL.
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x12345678
// expect-error: refused-8.s: .text+0x0: relocation type 8 of COFF arm64 is not supported
.globl main
main:   .secrel32 external
