// The large code model: an address of 64 bits in four instructions.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x123456789abcdef0
// expect main: 00 de 9b d2 80 57 b3 f2 00 cf ca f2 80 46 e2 f2 // external, 16 bits each
.globl main
main:   movz x0, #:abs_g0_nc:external
        movk x0, #:abs_g1_nc:external
        movk x0, #:abs_g2_nc:external
        movk x0, #:abs_g3:external
