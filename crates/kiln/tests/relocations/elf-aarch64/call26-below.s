// R_AARCH64_CALL26 into a far function, where no stub leads: one instruction too far down.
// target: aarch64-unknown-linux-gnu
// base: 0x40000000
// define: external = 0x38000004
// expect-error: call26-below.s: .text+0x0: `external`: R_AARCH64_CALL26 at 0x40000000 cannot reach 0x38000004: the distance is -0x8000004, it takes a multiple of 4 within ±128 MiB
.globl main
main:   bl external - 8
