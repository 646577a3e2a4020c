// IMAGE_REL_ARM64_ADDR32NB of what stands in front of the image.
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0xffff
// expect-error: addr32nb-below.s: .text+0x0: `external`: IMAGE_REL_ARM64_ADDR32NB wants an unsigned 32-bit value, and this one is -0x1
.globl main
main:   .rva external
