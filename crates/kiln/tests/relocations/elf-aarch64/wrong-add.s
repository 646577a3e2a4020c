// R_AARCH64_ADD_ABS_LO12_NC on a load.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x10
// retype: .text+0x0 = 277 // R_AARCH64_ADD_ABS_LO12_NC
// expect-error: wrong-add.s: .text+0x0: `external`: R_AARCH64_ADD_ABS_LO12_NC is for another instruction than 0xf9400000
.globl main
main:   ldr x0, [x0, :lo12:external]
