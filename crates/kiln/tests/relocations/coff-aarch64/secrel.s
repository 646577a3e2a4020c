// IMAGE_REL_ARM64_SECREL: the symbol's distance from the beginning of its segment (*PE Format*).
// target: aarch64-pc-windows-msvc
// base: 0x10000
// covers: IMAGE_REL_ARM64_SECREL
// expect main: 04 00 00 00 14 00 00 00
        .long 0
.globl main
main:   .secrel32 main
        .secrel32 value
        .data
        .zero 20
value:  .byte 0
