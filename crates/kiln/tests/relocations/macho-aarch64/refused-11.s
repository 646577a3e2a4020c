// Relocation type 11 is not one of Kiln's: ARM64_RELOC_AUTHENTICATED_POINTER of arm64e.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// retype: __text+0x0 = 0xbe
// expect-error: refused-11.s: __text+0x0: relocation type 11 of Mach-O arm64 is not supported
.globl _main
_main:  .quad _external
