// R_AARCH64_ADR_PREL_PG_HI21, one page too far down.
// target: aarch64-unknown-linux-gnu
// base: 0x200000000
// define: external = 0x100000000
// expect-error: adrp-below.s: .text+0x0: `external`: R_AARCH64_ADR_PREL_PG_HI21 at 0x200000000 cannot reach 0x100000000: the distance is -0x100001000, it takes a signed 33-bit value
.globl main
main:   adrp x0, external - 1
