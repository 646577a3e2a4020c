// Relocation type 13 is not one of Kiln's: IMAGE_REL_ARM64_SECTION, for debuggers.
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x12345678
// expect-error: refused-13.s: .text+0x0: relocation type 13 of COFF arm64 is not supported
.globl main
main:   .secidx external
