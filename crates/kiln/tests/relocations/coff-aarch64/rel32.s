// IMAGE_REL_ARM64_REL32: S + A - P - 4, the addend in the field (PE Format, "ARM64 Processors").
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x12345678
// covers: IMAGE_REL_ARM64_REL32
// expect main: 78 56 33 12 // external - place: the field holds 4
// expect main+4: 6c 56 33 12 // external - 8 - place
.globl main
main:   .long external - .
        .long external - . - 8
