// R_AARCH64_TSTBR14 that is no multiple of 4.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x10000
// expect-error: tstbr14-misaligned.s: .text+0x0: `external`: R_AARCH64_TSTBR14 at 0x10000 cannot reach 0x10000: the distance is 0x1, it takes a multiple of 4 within ±32 KiB
.globl main
main:   tbz x0, #1, external + 1
