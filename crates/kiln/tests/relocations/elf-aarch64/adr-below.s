// R_AARCH64_ADR_PREL_LO21, too far down.
// target: aarch64-unknown-linux-gnu
// base: 0x40000000
// define: external = 0x3fefffff
// expect-error: adr-below.s: .text+0x0: `external`: R_AARCH64_ADR_PREL_LO21 at 0x40000000 cannot reach 0x3fefffff: the distance is -0x100001, it takes a signed 21-bit value
.globl main
main:   adr x0, external
