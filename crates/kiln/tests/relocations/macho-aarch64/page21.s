// ARM64_RELOC_PAGE21: Page(S) - Page(P) (<mach-o/arm64/reloc.h>).
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// covers: ARM64_RELOC_PAGE21
// expect main: a0 19 09 b0 // external
// expect main+4: 01 00 00 90 // main
.globl _main
_main:  adrp x0, _external@PAGE
        adrp x1, _main@PAGE
