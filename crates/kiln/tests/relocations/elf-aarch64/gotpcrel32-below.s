// R_AARCH64_GOTPCREL32, one byte too far down.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// retype: .text+0x0 = 315 // R_AARCH64_GOTPCREL32
// expect-error: gotpcrel32-below.s: .text+0x0: `external`: R_AARCH64_GOTPCREL32 at 0x10000 cannot reach 0x12345678: the distance is -0x80000001, it takes a signed 32-bit value
.globl main
main:   .word external - . - 0x80010001
