// ARM64_RELOC_POINTER_TO_GOT: G, 8 bytes; what the field held says nothing (<mach-o/arm64/reloc.h>).
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// covers: ARM64_RELOC_POINTER_TO_GOT
// expect main: 00 00 01 00 00 00 00 00 // slot: no text, so it stands at the base
// expect main+8: 00 00 01 00 00 00 00 00 // slot
// expect 0x10000: 78 56 34 12 00 00 00 00 // the slot: external
// expect-entries: 0 1
.globl _main
        .data
_main:  .quad _external@GOT
        .quad _external@GOT + 8
