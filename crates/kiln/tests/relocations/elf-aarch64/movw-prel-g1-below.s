// R_AARCH64_MOVW_PREL_G1, one byte too far down.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0xffffffff0000ffff
// expect-error: movw-prel-g1-below.s: .text+0x0: `external`: R_AARCH64_MOVW_PREL_G1 at 0x10000 cannot reach 0xffffffff0000ffff: the distance is -0x100000001, it takes a signed 33-bit value
.globl main
main:   movz x0, #:prel_g1:external
