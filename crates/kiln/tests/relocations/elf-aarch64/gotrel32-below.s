// R_AARCH64_GOTREL32, too far down.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0xffffffff8001ffff
// retype: .text+0x0 = 308
// expect-error: gotrel32-below.s: .text+0x0: `external`: R_AARCH64_GOTREL32 wants a signed 32-bit value, and this one is -0x80000001
.globl main
main:   .word external
