// R_AARCH64_LDST64_ABS_LO12_NC on an add.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x10
// retype: .text+0x0 = 286 // R_AARCH64_LDST64_ABS_LO12_NC
// expect-error: wrong-ldst64.s: .text+0x0: `external`: R_AARCH64_LDST64_ABS_LO12_NC is for another instruction than 0x91000000
.globl main
main:   add x0, x0, :lo12:external
