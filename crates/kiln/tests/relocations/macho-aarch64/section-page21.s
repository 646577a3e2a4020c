// A page of a section's number: the instruction holds no address to take the place in the section from.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// retype: __text+0x0 = 0x35000001 // ARM64_RELOC_PAGE21, section 1
// expect-error: section-page21.s: __text+0x0: ARM64_RELOC_PAGE21 to a section instead of a symbol
.globl _main
_main:  adrp x0, _external@PAGE
