// R_AARCH64_CALL26 on an adr.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0xfff0
// retype: .text+0x0 = 283 // R_AARCH64_CALL26
// expect-error: wrong-call26.s: .text+0x0: `external`: R_AARCH64_CALL26 is for another instruction than 0x10000000
.globl main
main:   adr x0, external
