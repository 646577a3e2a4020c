// ARM64_RELOC_UNSIGNED: S + A, 8 bytes, the addend in the field (<mach-o/arm64/reloc.h>).
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// define: high = 0xffff800000001000
// covers: ARM64_RELOC_UNSIGNED
// expect main: 80 56 34 12 00 00 00 00 // external + 8
// expect main+8: 70 56 34 12 00 00 00 00 // external - 8
// expect main+16: 00 10 00 00 00 80 ff ff // high
.globl _main
        .data
_main:  .quad _external + 8
        .quad _external - 8
        .quad _high
