// IMAGE_REL_ARM64_PAGEBASE_REL21, one page too far down.
// target: aarch64-pc-windows-msvc
// base: 0x200000000
// define: external = 0x100000000
// expect-error: pagebase-below.s: .text+0x0: `external`: IMAGE_REL_ARM64_PAGEBASE_REL21 at 0x200000000 cannot reach 0x100000000: the distance is -0x100001000, it takes a signed 33-bit value
.globl main
main:   adrp x0, external - 1
