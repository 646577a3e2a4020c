// R_AARCH64_LDST16_ABS_LO12_NC of an address that is no multiple of 2: the instruction cannot hold it.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345001
// expect-error: ldst16-misaligned.s: .text+0x0: `external`: R_AARCH64_LDST16_ABS_LO12_NC needs a multiple of 2, and the offset in the page is 0x1
.globl main
main:   ldrh w0, [x0, :lo12:external]
