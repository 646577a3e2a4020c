// R_AARCH64_RELATIVE (1027) is of linked files.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// retype: .text+0x0 = 1027
// expect-error: refused-1027.s: .text+0x0: `external`: R_AARCH64_RELATIVE is what linkers make, and no compiler
.globl main
main:   .word external - .
