// IMAGE_REL_ARM64_TOKEN (12).
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x12345678
// retype: .text+0x0 = 12
// expect-error: refused-12.s: .text+0x0: IMAGE_REL_ARM64_TOKEN is for the Common Language Runtime
.globl main
main:   .long external
