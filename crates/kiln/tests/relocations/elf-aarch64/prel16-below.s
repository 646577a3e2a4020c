// R_AARCH64_PREL16, one byte too far down.
// target: aarch64-unknown-linux-gnu
// base: 0x200000000
// define: external = 0x1ffff7fff
// expect-error: prel16-below.s: .text+0x0: `external`: R_AARCH64_PREL16 at 0x200000000 cannot reach 0x1ffff7fff: the distance is -0x8001, it takes a 16-bit value
.globl main
main:   .hword external - .
