// IMAGE_REL_ARM64_ADDR32NB: S + A - B, the distance from the image's first byte (PE Format, "ARM64 Processors").
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x12345678
// covers: IMAGE_REL_ARM64_ADDR32NB
// expect main: 78 56 33 12 // external - base
// expect main+4: 74 56 33 12 // external - 4 - base
// expect main+8: 00 00 00 00 // main - base
.globl main
main:   .rva external
        .rva external - 4
        .rva main
