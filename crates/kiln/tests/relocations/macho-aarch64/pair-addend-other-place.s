// ARM64_RELOC_ADDEND for one place, and a relocation of another behind it.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x10000
// retype: __text+0x4 = 0xac // ARM64_RELOC_ADDEND
// expect-error: pair-addend-other-place.s: __text+0x0: a part of a relocation is for another place than the relocation behind it
.globl _main
_main:  bl _external
        bl _external
