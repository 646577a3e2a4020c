// R_AARCH64_PLT32 of a far function holds the distance to its stub.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x7f0000000000
// retype: .text+0x0 = 314 // R_AARCH64_PLT32
// expect main: 08 00 00 00 // stub - place
// expect 0x10008: 90 00 00 90 10 02 40 f9 00 02 1f d6 // the stub
// expect 0x20000: 00 00 00 00 00 7f 00 00 // external
// expect-entries: 1 1
.globl main
main:   .word external - .
