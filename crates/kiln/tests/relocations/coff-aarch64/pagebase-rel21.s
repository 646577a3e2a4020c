// IMAGE_REL_ARM64_PAGEBASE_REL21: Page(S + A) - Page(P), the addend in the field, in bytes (PE Format, "ARM64
// Processors").
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x12345678
// covers: IMAGE_REL_ARM64_PAGEBASE_REL21
// expect main: a0 19 09 b0 // external
// expect main+4: a1 19 09 d0 // external + 0x988: the next page
// expect main+8: a2 19 09 90 // external - 0x679: the page before
// expect main+12: a3 21 09 b0 // the greatest addend
// expect main+16: a4 11 09 b0 // the least one
.globl main
main:   adrp x0, external
        adrp x1, external + 0x988
        adrp x2, external - 0x679
        adrp x3, external + 0xfffff
        adrp x4, external - 0x100000
