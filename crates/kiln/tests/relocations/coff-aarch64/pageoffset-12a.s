// IMAGE_REL_ARM64_PAGEOFFSET_12A: (S + A) & 0xfff, the addend in the field (PE Format, "ARM64 Processors").
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x12345678
// covers: IMAGE_REL_ARM64_PAGEOFFSET_12A
// expect main: 00 e0 19 91 // external & 0xfff
// expect main+4: 00 00 00 91 // (external + 0x988) & 0xfff: of the next page
.globl main
main:   add x0, x0, :lo12:external
        add x0, x0, :lo12:external + 0x988
