// ARM64_RELOC_ADDEND in front of a branch, up and down (<mach-o/arm64/reloc.h>).
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x18000
// retype: __text+0x4 part = 0xa4ff0000 // ARM64_RELOC_ADDEND of -0x10000: clang 14 writes negative ones wrong
// expect main: 02 20 00 94 // external + 8 - place
// expect main+4: ff df ff 17 // external - 0x10000 - place
.globl _main
_main:  bl _external + 8
        b _external + 4
