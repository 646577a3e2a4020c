// ARM64_RELOC_BRANCH26: S - P (<mach-o/arm64/reloc.h>).
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x18000
// covers: ARM64_RELOC_BRANCH26
// expect main: 00 20 00 94 // external - place
// expect main+4: ff 1f 00 14 // external - place
.globl _main
_main:  bl _external
        b _external
