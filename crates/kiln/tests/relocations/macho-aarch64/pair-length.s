// A subtrahend of 4 bytes for a field of 8.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// retype: __data+0x0 part = 0x1c // ARM64_RELOC_SUBTRACTOR, 4 bytes
// expect-error: pair-length.s: __data+0x0: ARM64_RELOC_UNSIGNED with a subtrahend
.globl _main
        .data
_main:  .quad _external - _main
