// R_AARCH64_PREL32, one byte too far up.
// target: aarch64-unknown-linux-gnu
// base: 0x200000000
// define: external = 0x300000000
// expect-error: prel32-above.s: .text+0x0: `external`: R_AARCH64_PREL32 at 0x200000000 cannot reach 0x300000000: the distance is 0x100000000, it takes a 32-bit value
.globl main
main:   .word external - .
