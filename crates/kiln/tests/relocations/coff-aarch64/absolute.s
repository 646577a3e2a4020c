// IMAGE_REL_ARM64_ABSOLUTE: nothing is written, and the symbol must still be known (PE Format, "ARM64 Processors").
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x12345678
// covers: IMAGE_REL_ARM64_ABSOLUTE
// retype: .text+0x0 = 0 // IMAGE_REL_ARM64_ABSOLUTE
// expect main: 07 00 00 00 // untouched
.globl main
main:   .long external + 7
