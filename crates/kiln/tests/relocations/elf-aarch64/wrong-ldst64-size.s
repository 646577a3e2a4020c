// R_AARCH64_LDST64_ABS_LO12_NC on a load of 4 bytes.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x10
// retype: .text+0x0 = 286 // R_AARCH64_LDST64_ABS_LO12_NC
// expect-error: wrong-ldst64-size.s: .text+0x0: `external`: R_AARCH64_LDST64_ABS_LO12_NC is for another instruction than 0xb9400000
.globl main
main:   ldr w0, [x0, :lo12:external]
