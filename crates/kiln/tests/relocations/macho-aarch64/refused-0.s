// Relocation type 0 is not one of Kiln's: ARM64_RELOC_UNSIGNED of 2 bytes.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// expect-error: refused-0.s: __text+0x0: relocation type 0 of Mach-O arm64 is not supported
.globl _main
_main:  .short _external
