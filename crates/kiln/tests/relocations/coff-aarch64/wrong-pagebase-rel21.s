// IMAGE_REL_ARM64_PAGEBASE_REL21 on another instruction: adr x0, external.
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0xfff0
// retype: .text+0x0 = 4 // IMAGE_REL_ARM64_PAGEBASE_REL21
// expect-error: wrong-pagebase-rel21.s: .text+0x0: `external`: IMAGE_REL_ARM64_PAGEBASE_REL21 is for another instruction than 0x10000000
.globl main
main:   adr x0, external
