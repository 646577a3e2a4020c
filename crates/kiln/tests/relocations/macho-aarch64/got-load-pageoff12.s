// ARM64_RELOC_GOT_LOAD_PAGEOFF12: G & 0xfff, in units of 8 (<mach-o/arm64/reloc.h>).
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// define: other = 0x12345679
// covers: ARM64_RELOC_GOT_LOAD_PAGEOFF12
// expect main: 00 04 40 f9 // second slot: relocations stand backwards in the file
// expect main+4: 21 00 40 f9 // first slot
// expect 0x14000: 79 56 34 12 00 00 00 00 // other
// expect 0x14008: 78 56 34 12 00 00 00 00 // external
// expect-entries: 0 2
.globl _main
_main:  ldr x0, [x0, _external@GOTPAGEOFF]
        ldr x1, [x1, _other@GOTPAGEOFF]
