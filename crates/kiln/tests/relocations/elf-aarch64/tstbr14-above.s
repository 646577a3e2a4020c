// R_AARCH64_TSTBR14, too far up.
// target: aarch64-unknown-linux-gnu
// base: 0x40000000
// define: external = 0x40008000
// expect-error: tstbr14-above.s: .text+0x0: `external`: R_AARCH64_TSTBR14 at 0x40000000 cannot reach 0x40008000: the distance is 0x8000, it takes a multiple of 4 within ±32 KiB
.globl main
main:   tbz x0, #1, external
