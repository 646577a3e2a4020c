// R_AARCH64_LDST32_ABS_LO12_NC of an address that is no multiple of 4: the instruction cannot hold it.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345002
// expect-error: ldst32-misaligned.s: .text+0x0: `external`: R_AARCH64_LDST32_ABS_LO12_NC needs a multiple of 4, and the offset in the page is 0x2
.globl main
main:   ldr w0, [x0, :lo12:external]
