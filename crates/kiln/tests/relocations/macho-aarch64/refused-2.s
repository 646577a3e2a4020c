// Relocation type 2 is not one of Kiln's: ARM64_RELOC_BRANCH26 that is no distance.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// retype: __text+0x0 = 0x2c
// expect-error: refused-2.s: __text+0x0: relocation type 2 of Mach-O arm64 is not supported
.globl _main
_main:  bl _external
