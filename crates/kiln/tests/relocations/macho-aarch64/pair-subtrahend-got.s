// A subtrahend of a pointer to a slot.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// retype: __data+0x0 = 0x7e // ARM64_RELOC_POINTER_TO_GOT, behind its ARM64_RELOC_SUBTRACTOR
// expect-error: pair-subtrahend-got.s: __data+0x0: ARM64_RELOC_POINTER_TO_GOT with a subtrahend
.globl _main
        .data
_main:  .quad _external - _main
