// ARM64_RELOC_UNSIGNED of 4 bytes, one too many.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x100000000
// expect-error: unsigned-4-above.s: __text+0x0: `external`: ARM64_RELOC_UNSIGNED wants a 32-bit value, and this one is 0x100000000
.globl _main
_main:  .long _external
