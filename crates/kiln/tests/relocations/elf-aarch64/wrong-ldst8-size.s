// R_AARCH64_LDST8_ABS_LO12_NC on a load of 16 bytes, whose size bits are those of 1 byte.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x10
// retype: .text+0x0 = 278 // R_AARCH64_LDST8_ABS_LO12_NC
// expect-error: wrong-ldst8-size.s: .text+0x0: `external`: R_AARCH64_LDST8_ABS_LO12_NC is for another instruction than 0x3dc00000
.globl main
main:   ldr q0, [x0, :lo12:external]
