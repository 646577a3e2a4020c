// R_AARCH64_TLSLE_MOVW_TPREL_G0: TPREL(S+A), bits 0 to 15.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSLE_MOVW_TPREL_G0
// expect main: 00 04 80 d2
.globl main
main:   movz x0, #:tprel_g0:x
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
