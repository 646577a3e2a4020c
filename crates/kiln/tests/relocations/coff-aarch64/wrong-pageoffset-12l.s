// IMAGE_REL_ARM64_PAGEOFFSET_12L on another instruction: add x0, x0, :lo12:external.
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x10
// retype: .text+0x0 = 7 // IMAGE_REL_ARM64_PAGEOFFSET_12L
// expect-error: wrong-pageoffset-12l.s: .text+0x0: `external`: IMAGE_REL_ARM64_PAGEOFFSET_12L is for another instruction than 0x91000000
.globl main
main:   add x0, x0, :lo12:external
