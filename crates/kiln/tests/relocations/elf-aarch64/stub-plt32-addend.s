// R_AARCH64_PLT32 into the middle of a far function: no stub leads there.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x7f0000000000
// retype: .text+0x0 = 314 // R_AARCH64_PLT32
// expect-error: stub-plt32-addend.s: .text+0x0: `external`: R_AARCH64_PLT32 at 0x10000 cannot reach 0x7f0000000000: the distance is 0x7efffffefffc, it takes a signed 32-bit value
.globl main
main:   .word external - . - 4
