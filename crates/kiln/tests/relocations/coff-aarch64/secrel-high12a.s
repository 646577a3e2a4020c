// IMAGE_REL_ARM64_SECREL_HIGH12A: the 12 bits above those (*PE Format*).
// target: aarch64-pc-windows-msvc
// base: 0x10000
// covers: IMAGE_REL_ARM64_SECREL_HIGH12A
// expect main: 00 8c 44 91 // add x0, x0, 0x123, lsl 12
.globl main
main:   add x0, x0, :secrel_hi12:value
        .bss
        .zero 0x123458
value:  .byte 0
