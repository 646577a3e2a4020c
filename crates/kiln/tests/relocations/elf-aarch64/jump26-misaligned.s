// R_AARCH64_JUMP26 between two instructions.
// target: aarch64-unknown-linux-gnu
// base: 0x40000000
// define: external = 0x40000000
// expect-error: jump26-misaligned.s: .text+0x0: `external`: R_AARCH64_JUMP26 at 0x40000000 cannot reach 0x40000000: the distance is 0x2, it takes a multiple of 4 within ±128 MiB
.globl main
main:   b external + 2
