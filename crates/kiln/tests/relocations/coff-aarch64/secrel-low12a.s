// IMAGE_REL_ARM64_SECREL_LOW12A: the lower 12 bits of that distance (*PE Format*).
// target: aarch64-pc-windows-msvc
// base: 0x10000
// covers: IMAGE_REL_ARM64_SECREL_LOW12A
// expect main: 00 60 11 91 // add x0, x0, 0x458
.globl main
main:   add x0, x0, :secrel_lo12:value
        .bss
        .zero 0x123458
value:  .byte 0
