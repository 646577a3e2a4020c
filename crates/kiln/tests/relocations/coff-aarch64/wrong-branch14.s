// IMAGE_REL_ARM64_BRANCH14 on another instruction: bl external.
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0xfff0
// retype: .text+0x0 = 16 // IMAGE_REL_ARM64_BRANCH14
// expect-error: wrong-branch14.s: .text+0x0: `external`: IMAGE_REL_ARM64_BRANCH14 is for another instruction than 0x94000000
.globl main
main:   bl external
