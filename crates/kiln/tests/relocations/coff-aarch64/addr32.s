// IMAGE_REL_ARM64_ADDR32: S + A, 4 bytes, the addend in the field (PE Format, "ARM64 Processors").
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x12345678
// covers: IMAGE_REL_ARM64_ADDR32
// expect main: 7c 56 34 12 // external + 4
// expect main+4: 74 56 34 12 // external - 4
.globl main
main:   .long external + 4
        .long external - 4
