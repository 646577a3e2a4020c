// ARM64_RELOC_PAGE21, one page too far up.
// target: aarch64-apple-darwin
// base: 0x200000000
// define: external = 0x300000000
// expect-error: page21-above.s: __text+0x0: `external`: ARM64_RELOC_PAGE21 at 0x200000000 cannot reach 0x300000000: the distance is 0x100000000, it takes a signed 33-bit value
.globl _main
_main:  adrp x0, _external@PAGE
