// R_AARCH64_LDST128_ABS_LO12_NC of an address that is no multiple of 16: the instruction cannot hold it.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345008
// expect-error: ldst128-misaligned.s: .text+0x0: `external`: R_AARCH64_LDST128_ABS_LO12_NC needs a multiple of 16, and the offset in the page is 0x8
.globl main
main:   ldr q0, [x0, :lo12:external]
