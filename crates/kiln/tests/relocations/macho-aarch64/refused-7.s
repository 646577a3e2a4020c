// Relocation type 7 is not one of Kiln's: ARM64_RELOC_POINTER_TO_GOT of 4 bytes that is no distance.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// expect-error: refused-7.s: __text+0x0: relocation type 7 of Mach-O arm64 is not supported
.globl _main
_main:  .long _external@GOT
