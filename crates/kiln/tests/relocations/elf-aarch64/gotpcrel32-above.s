// R_AARCH64_GOTPCREL32, one byte too far up.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// retype: .text+0x0 = 315 // R_AARCH64_GOTPCREL32
// expect-error: gotpcrel32-above.s: .text+0x0: `external`: R_AARCH64_GOTPCREL32 at 0x10000 cannot reach 0x12345678: the distance is 0x80000000, it takes a signed 32-bit value
.globl main
main:   .word external - . + 0x7fff0000
