// ARM64_RELOC_POINTER_TO_GOT: G - P, 4 bytes; what the field held says nothing (<mach-o/arm64/reloc.h>).
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// covers: ARM64_RELOC_POINTER_TO_GOT
// expect main: 00 40 00 00 // slot - place
// expect main+4: fc 3f 00 00 // slot - place: LLVM left -4 in the field
// expect main+8: f8 3f 00 00 // slot - place: LLVM left 0 in the field
// expect 0x14000: 78 56 34 12 00 00 00 00 // the slot: external
// expect-entries: 0 1
.globl _main
_main:  .long _external@GOT - .
        .long _external@GOT - .
        .long _external@GOT - . + 8
