// R_AARCH64_MOVW_PREL_G0, one byte too far down.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0xffffffffffffffff
// expect-error: movw-prel-g0-below.s: .text+0x0: `external`: R_AARCH64_MOVW_PREL_G0 at 0x10000 cannot reach 0xffffffffffffffff: the distance is -0x10001, it takes a signed 17-bit value
.globl main
main:   movz x0, #:prel_g0:external
