// R_AARCH64_PLT32 into a far function, one byte too far up.
// target: aarch64-unknown-linux-gnu
// base: 0x200000000
// define: external = 0x27fffffff
// retype: .text+0x0 = 314 // R_AARCH64_PLT32
// expect-error: plt32-above.s: .text+0x0: `external`: R_AARCH64_PLT32 at 0x200000000 cannot reach 0x27fffffff: the distance is 0x80000000, it takes a signed 32-bit value
.globl main
main:   .word external - . + 1
