// A subtrahend for one place, and a relocation of another behind it.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// retype: __data+0x8 = 0x1e // ARM64_RELOC_SUBTRACTOR; relocations stand backwards in the file
// expect-error: pair-other-place.s: __data+0x0: a part of a relocation is for another place than the relocation behind it
.globl _main
        .data
_main:  .quad _external
        .quad _external
