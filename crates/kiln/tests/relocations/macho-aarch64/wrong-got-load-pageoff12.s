// ARM64_RELOC_GOT_LOAD_PAGEOFF12 on another instruction: add x0, x0, external@PAGEOFF.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x10
// retype: __text+0x0 = 0x6c // ARM64_RELOC_GOT_LOAD_PAGEOFF12
// expect-error: wrong-got-load-pageoff12.s: __text+0x0: `external`: ARM64_RELOC_GOT_LOAD_PAGEOFF12 is for another instruction than 0x91000000
.globl _main
_main:  add x0, x0, _external@PAGEOFF
