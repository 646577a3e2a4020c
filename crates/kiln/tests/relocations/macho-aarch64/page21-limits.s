// ARM64_RELOC_PAGE21 as far as it reaches: -4 GiB and 4 GiB less a page, counted in pages.
// target: aarch64-apple-darwin
// base: 0x200000000
// define: last = 0x2ffffffff
// define: first = 0x100000000
// expect main: e0 ff 7f f0 // last
// expect main+4: 01 00 80 90 // first
.globl _main
_main:  adrp x0, _last@PAGE
        adrp x1, _first@PAGE
