// ARM64_RELOC_GOT_LOAD_PAGE21: Page(G) - Page(P) (<mach-o/arm64/reloc.h>).
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// covers: ARM64_RELOC_GOT_LOAD_PAGE21
// expect main: 20 00 00 90 // slot
// expect 0x14000: 78 56 34 12 00 00 00 00 // the slot: external
// expect-entries: 0 1
.globl _main
_main:  adrp x0, _external@GOTPAGE
