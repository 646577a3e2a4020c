// ARM64_RELOC_PAGEOFF12 on another instruction: bl external.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x10
// retype: __text+0x0 = 0x4c // ARM64_RELOC_PAGEOFF12
// expect-error: wrong-pageoff12.s: __text+0x0: `external`: ARM64_RELOC_PAGEOFF12 is for another instruction than 0x94000000
.globl _main
_main:  bl _external
