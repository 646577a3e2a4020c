// IMAGE_REL_ARM64_SECREL_HIGH12A as far as it reaches.
// target: aarch64-pc-windows-msvc
// base: 0x10000
// expect main: 00 fc 7f 91 // add x0, x0, 0xfff, lsl 12
.globl main
main:   add x0, x0, :secrel_hi12:value
        .bss
        .zero 0xffffff
value:  .byte 0
