// ARM64_RELOC_ADDEND in front of the offset in a page, up and down, into the next page and the one before.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// retype: __text+0x4 part = 0xa4fff980 // ARM64_RELOC_ADDEND of -0x680: clang 14 writes negative ones wrong
// retype: __text+0xc part = 0xa4fffffc // ARM64_RELOC_ADDEND of -4
// expect main: 00 00 00 91 // (external + 0x988) & 0xfff
// expect main+4: 00 e0 3f 91 // (external - 0x680) & 0xfff
// expect main+8: 00 40 43 f9 // ((external + 8) & 0xfff) / 8
// expect main+12: 00 74 46 b9 // ((external - 4) & 0xfff) / 4
.globl _main
_main:  add x0, x0, _external@PAGEOFF + 0x988
        add x0, x0, _external@PAGEOFF + 4
        ldr x0, [x0, _external@PAGEOFF + 8]
        ldr w0, [x0, _external@PAGEOFF + 4]
