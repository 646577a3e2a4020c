// IMAGE_REL_ARM64_REL32, one byte too far up.
// target: aarch64-pc-windows-msvc
// base: 0x200000000
// define: external = 0x280000004
// expect-error: rel32-above.s: .text+0x0: `external`: IMAGE_REL_ARM64_REL32 at 0x200000000 cannot reach 0x280000004: the distance is 0x80000000, it takes a signed 32-bit value
.globl main
main:   .long external - . - 4
