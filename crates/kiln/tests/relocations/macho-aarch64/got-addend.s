// An addend of a GOT page belongs to the address in the slot, which would be another slot.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// retype: __text+0x0 = 0x5d // ARM64_RELOC_GOT_LOAD_PAGE21, behind its ARM64_RELOC_ADDEND
// expect-error: got-addend.s: __text+0x0: `external`: ARM64_RELOC_GOT_LOAD_PAGE21 with an addend is not supported
.globl _main
_main:  adrp x0, _external@PAGE + 8
