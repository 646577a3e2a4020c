// R_AARCH64_TSTBR14, too far down.
// target: aarch64-unknown-linux-gnu
// base: 0x40000000
// define: external = 0x3fff7ffc
// expect-error: tstbr14-below.s: .text+0x0: `external`: R_AARCH64_TSTBR14 at 0x40000000 cannot reach 0x3fff7ffc: the distance is -0x8004, it takes a multiple of 4 within ±32 KiB
.globl main
main:   tbz x0, #1, external
