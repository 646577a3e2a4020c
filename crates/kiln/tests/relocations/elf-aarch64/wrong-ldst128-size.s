// R_AARCH64_LDST128_ABS_LO12_NC on a load of 1 byte, whose size bits are those of 16 bytes.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x10
// retype: .text+0x0 = 299 // R_AARCH64_LDST128_ABS_LO12_NC
// expect-error: wrong-ldst128-size.s: .text+0x0: `external`: R_AARCH64_LDST128_ABS_LO12_NC is for another instruction than 0x39400000
.globl main
main:   ldrb w0, [x0, :lo12:external]
