// ARM64_RELOC_PAGE21 on another instruction: bl external.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0xfff0
// retype: __text+0x0 = 0x3d // ARM64_RELOC_PAGE21
// expect-error: wrong-page21.s: __text+0x0: `external`: ARM64_RELOC_PAGE21 is for another instruction than 0x94000000
.globl _main
_main:  bl _external
