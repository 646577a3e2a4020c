// IMAGE_REL_ARM64_PAGEOFFSET_12A on another instruction: ldr x0, [x0, :lo12:external].
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x10
// retype: .text+0x0 = 6 // IMAGE_REL_ARM64_PAGEOFFSET_12A
// expect-error: wrong-pageoffset-12a.s: .text+0x0: `external`: IMAGE_REL_ARM64_PAGEOFFSET_12A is for another instruction than 0xf9400000
.globl main
main:   ldr x0, [x0, :lo12:external]
