// A difference that is too great for its 4 bytes.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x100010000
// expect-error: subtractor-4-above.s: __text+0x0: `external`: ARM64_RELOC_UNSIGNED wants a 32-bit value, and this one is 0x100000000
.globl _main
_main:  .long _external - _main
