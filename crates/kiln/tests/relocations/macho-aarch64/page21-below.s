// ARM64_RELOC_PAGE21, one page too far down.
// target: aarch64-apple-darwin
// base: 0x200000000
// define: external = 0x100000000
// retype: __text+0x0 part = 0xa4ffffff // ARM64_RELOC_ADDEND of -1: clang 14 writes negative ones wrong
// expect-error: page21-below.s: __text+0x0: `external`: ARM64_RELOC_PAGE21 at 0x200000000 cannot reach 0x100000000: the distance is -0x100001000, it takes a signed 33-bit value
.globl _main
_main:  adrp x0, _external@PAGE + 1
