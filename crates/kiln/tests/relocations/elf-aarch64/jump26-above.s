// R_AARCH64_JUMP26 into a far function, where no stub leads: one instruction too far up.
// target: aarch64-unknown-linux-gnu
// base: 0x40000000
// define: external = 0x47fffff8
// expect-error: jump26-above.s: .text+0x0: `external`: R_AARCH64_JUMP26 at 0x40000000 cannot reach 0x47fffff8: the distance is 0x8000000, it takes a multiple of 4 within ±128 MiB
.globl main
main:   b external + 8
