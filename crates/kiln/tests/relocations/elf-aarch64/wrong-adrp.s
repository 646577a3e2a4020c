// R_AARCH64_ADR_PREL_PG_HI21 on an adr.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0xfff0
// retype: .text+0x0 = 275 // R_AARCH64_ADR_PREL_PG_HI21
// expect-error: wrong-adrp.s: .text+0x0: `external`: R_AARCH64_ADR_PREL_PG_HI21 is for another instruction than 0x10000000
.globl main
main:   adr x0, external
