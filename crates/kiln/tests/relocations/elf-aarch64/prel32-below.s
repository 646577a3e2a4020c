// R_AARCH64_PREL32, one byte too far down.
// target: aarch64-unknown-linux-gnu
// base: 0x200000000
// define: external = 0x17fffffff
// expect-error: prel32-below.s: .text+0x0: `external`: R_AARCH64_PREL32 at 0x200000000 cannot reach 0x17fffffff: the distance is -0x80000001, it takes a 32-bit value
.globl main
main:   .word external - .
