// ARM64_RELOC_PAGEOFF12: S & 0xfff, in units of the instruction's own size (<mach-o/arm64/reloc.h>).
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// covers: ARM64_RELOC_PAGEOFF12
// expect main: 00 e0 19 91 // external & 0xfff
// expect main+4: 01 3c 43 f9 // (external & 0xfff) / 8
.globl _main
_main:  add x0, x0, _external@PAGEOFF
        ldr x1, [x0, _external@PAGEOFF]
