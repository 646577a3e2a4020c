// A slot for a section's number.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// retype: __data+0x0 = 0x76000001 // ARM64_RELOC_POINTER_TO_GOT, section 1
// expect-error: section-pointer-to-got.s: __data+0x0: ARM64_RELOC_POINTER_TO_GOT to a section instead of a symbol
.globl _main
        .data
_main:  .quad _external
