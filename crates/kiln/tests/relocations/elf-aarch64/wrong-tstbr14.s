// R_AARCH64_TSTBR14 on a bl.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0xfff0
// retype: .text+0x0 = 279 // R_AARCH64_TSTBR14
// expect-error: wrong-tstbr14.s: .text+0x0: `external`: R_AARCH64_TSTBR14 is for another instruction than 0x94000000
.globl main
main:   bl external
