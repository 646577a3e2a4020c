// IMAGE_REL_ARM64_SECREL_LOW12L: the lower 12 bits of that distance, in units of the load's size (*PE Format*).
// target: aarch64-pc-windows-msvc
// base: 0x10000
// covers: IMAGE_REL_ARM64_SECREL_LOW12L
// expect main: 00 2c 42 f9 // ldr x0, [x0, 0x458]
// expect main+4: 00 58 44 b9 // ldr w0, [x0, 0x458]
.globl main
main:   ldr x0, [x0, :secrel_lo12:value]
        ldr w0, [x0, :secrel_lo12:value]
        .bss
        .zero 0x123458
value:  .byte 0
