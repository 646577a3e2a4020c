// IMAGE_REL_ARM64_REL21, too far up.
// target: aarch64-pc-windows-msvc
// base: 0x40000000
// define: external = 0x40100000
// expect-error: rel21-above.s: .text+0x0: `external`: IMAGE_REL_ARM64_REL21 at 0x40000000 cannot reach 0x40100000: the distance is 0x100000, it takes a signed 21-bit value
.globl main
main:   adr x0, external
