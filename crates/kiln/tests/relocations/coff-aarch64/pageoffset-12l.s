// IMAGE_REL_ARM64_PAGEOFFSET_12L: (S + A) & 0xfff in units of the instruction's own size, the addend in the field (PE
// Format, "ARM64 Processors").
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x12345678
// covers: IMAGE_REL_ARM64_PAGEOFFSET_12L
// expect main: 00 3c 43 f9 // (external & 0xfff) / 8
// expect main+4: 00 04 40 f9 // ((external + 0x990) & 0xfff) / 8: of the next page
.globl main
main:   ldr x0, [x0, :lo12:external]
        ldr x0, [x0, :lo12:external + 0x990]
