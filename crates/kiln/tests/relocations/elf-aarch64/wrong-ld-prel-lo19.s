// R_AARCH64_LD_PREL_LO19 on a bl.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0xfff0
// retype: .text+0x0 = 273 // R_AARCH64_LD_PREL_LO19
// expect-error: wrong-ld-prel-lo19.s: .text+0x0: `external`: R_AARCH64_LD_PREL_LO19 is for another instruction than 0x94000000
.globl main
main:   bl external
