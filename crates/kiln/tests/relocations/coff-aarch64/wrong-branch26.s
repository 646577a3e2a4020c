// IMAGE_REL_ARM64_BRANCH26 on another instruction: adr x0, external.
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0xfff0
// retype: .text+0x0 = 3 // IMAGE_REL_ARM64_BRANCH26
// expect-error: wrong-branch26.s: .text+0x0: `external`: IMAGE_REL_ARM64_BRANCH26 is for another instruction than 0x10000000
.globl main
main:   adr x0, external
