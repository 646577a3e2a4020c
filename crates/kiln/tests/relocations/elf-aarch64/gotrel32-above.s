// R_AARCH64_GOTREL32, too far up.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x80020000
// retype: .text+0x0 = 308
// expect-error: gotrel32-above.s: .text+0x0: `external`: R_AARCH64_GOTREL32 wants a signed 32-bit value, and this one is 0x80000000
.globl main
main:   .word external
