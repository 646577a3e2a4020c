// ARM64_RELOC_PAGEOFF12 of an address that the instruction cannot hold.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345008
// expect-error: pageoff12-misaligned.s: __text+0x0: `external`: ARM64_RELOC_PAGEOFF12 needs a multiple of 16, and the offset in the page is 0x8
.globl _main
_main:  ldr q0, [x0, _external@PAGEOFF]
