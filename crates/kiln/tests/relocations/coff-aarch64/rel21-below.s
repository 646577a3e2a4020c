// IMAGE_REL_ARM64_REL21, too far down.
// target: aarch64-pc-windows-msvc
// base: 0x40000000
// define: external = 0x3fefffff
// expect-error: rel21-below.s: .text+0x0: `external`: IMAGE_REL_ARM64_REL21 at 0x40000000 cannot reach 0x3fefffff: the distance is -0x100001, it takes a signed 21-bit value
.globl main
main:   adr x0, external
