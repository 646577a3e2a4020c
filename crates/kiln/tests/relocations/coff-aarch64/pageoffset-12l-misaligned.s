// IMAGE_REL_ARM64_PAGEOFFSET_12L of an address that the instruction cannot hold.
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x12345008
// expect-error: pageoffset-12l-misaligned.s: .text+0x0: `external`: IMAGE_REL_ARM64_PAGEOFFSET_12L needs a multiple of 16, and the offset in the page is 0x8
.globl main
main:   ldr q0, [x0, :lo12:external]
