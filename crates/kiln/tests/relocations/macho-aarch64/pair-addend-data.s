// ARM64_RELOC_ADDEND in front of a relocation that has its addend in the field.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// retype: __data+0x0 part = 0xae // ARM64_RELOC_ADDEND
// expect-error: pair-addend-data.s: __data+0x0: ARM64_RELOC_UNSIGNED with an addend apart from its field
.globl _main
        .data
_main:  .quad _external - _main
