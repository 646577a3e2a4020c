// R_AARCH64_ADR_PREL_LO21 on an adrp.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0xfff0
// retype: .text+0x0 = 274 // R_AARCH64_ADR_PREL_LO21
// expect-error: wrong-adr.s: .text+0x0: `external`: R_AARCH64_ADR_PREL_LO21 is for another instruction than 0x90000000
.globl main
main:   adrp x0, external
