// R_AARCH64_TLSLE_MOVW_TPREL_G1: TPREL(S+A), bits 16 to 31.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSLE_MOVW_TPREL_G1
// expect main: 40 02 a0 d2
.globl main
main:   movz x0, #:tprel_g1:x+0x123450
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
