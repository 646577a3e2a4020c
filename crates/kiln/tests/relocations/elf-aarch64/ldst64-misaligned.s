// R_AARCH64_LDST64_ABS_LO12_NC of an address that is no multiple of 8: the instruction cannot hold it.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345004
// expect-error: ldst64-misaligned.s: .text+0x0: `external`: R_AARCH64_LDST64_ABS_LO12_NC needs a multiple of 8, and the offset in the page is 0x4
.globl main
main:   ldr x0, [x0, :lo12:external]
