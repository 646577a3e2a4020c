// ARM64_RELOC_ADDEND in front of ARM64_RELOC_POINTER_TO_GOT, whose slot would be another one.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// retype: __data+0x0 part = 0xa4000008 // ARM64_RELOC_ADDEND
// retype: __data+0x0 = 0x7d // ARM64_RELOC_POINTER_TO_GOT
// expect-error: pair-addend-got.s: __data+0x0: ARM64_RELOC_POINTER_TO_GOT with an addend apart from its field
.globl _main
        .data
_main:  .long _external - _main
