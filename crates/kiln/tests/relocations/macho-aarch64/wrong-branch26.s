// ARM64_RELOC_BRANCH26 on another instruction: adrp x0, external@PAGE.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0xfff0
// retype: __text+0x0 = 0x2d // ARM64_RELOC_BRANCH26
// expect-error: wrong-branch26.s: __text+0x0: `external`: ARM64_RELOC_BRANCH26 is for another instruction than 0x90000000
.globl _main
_main:  adrp x0, _external@PAGE
