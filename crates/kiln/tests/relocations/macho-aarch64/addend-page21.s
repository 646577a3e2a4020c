// ARM64_RELOC_ADDEND in front of a page: addends that leave the page, up and down.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// retype: __text+0x4 part = 0xa4fff987 // ARM64_RELOC_ADDEND of -0x679: clang 14 writes negative ones wrong
// retype: __text+0xc part = 0xa4800000 // ARM64_RELOC_ADDEND of -0x800000
// expect main: a0 19 09 d0 // external + 0x988: the next page
// expect main+4: a1 19 09 90 // external - 0x679: the page before
// expect main+8: a2 59 09 b0 // the greatest addend of 24 bits
// expect main+12: a3 d9 08 b0 // the least one
.globl _main
_main:  adrp x0, _external@PAGE + 0x988
        adrp x1, _external@PAGE + 4
        adrp x2, _external@PAGE + 0x7fffff
        adrp x3, _external@PAGE + 4
