// R_AARCH64_TLSLE_MOVW_TPREL_G2: TPREL(S+A), bits 32 to 47.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSLE_MOVW_TPREL_G2
// expect main: 40 02 c0 d2
.globl main
main:   movz x0, #:tprel_g2:x+0x1234567890
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
