// IMAGE_REL_ARM64_SECREL_HIGH12A, too far: 16 MiB.
// target: aarch64-pc-windows-msvc
// base: 0x10000
// expect-error: secrel-high12a-above.s: .text+0x0: `value`: IMAGE_REL_ARM64_SECREL_HIGH12A wants an unsigned 24-bit value, and this one is 0x1000000
.globl main
main:   add x0, x0, :secrel_hi12:value
        .bss
        .zero 0x1000000
value:  .byte 0
