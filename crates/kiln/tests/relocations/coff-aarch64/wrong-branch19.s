// IMAGE_REL_ARM64_BRANCH19 on another instruction: bl external.
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0xfff0
// retype: .text+0x0 = 15 // IMAGE_REL_ARM64_BRANCH19
// expect-error: wrong-branch19.s: .text+0x0: `external`: IMAGE_REL_ARM64_BRANCH19 is for another instruction than 0x94000000
.globl main
main:   bl external
