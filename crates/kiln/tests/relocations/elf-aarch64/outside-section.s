// A field that ends behind its section.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// retype: .text+0x0 = 257 // R_AARCH64_ABS64
// expect-error: outside-section.s: .text+0x0: `external`: R_AARCH64_ABS64 lies outside its section
.globl main
main:   .word external - .
