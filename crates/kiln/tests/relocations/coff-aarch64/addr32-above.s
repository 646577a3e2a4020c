// IMAGE_REL_ARM64_ADDR32, one too many.
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x100000000
// expect-error: addr32-above.s: .text+0x0: `external`: IMAGE_REL_ARM64_ADDR32 wants a 32-bit value, and this one is 0x100000000
.globl main
main:   .long external
