// R_AARCH64_TLSLD_MOVW_DTPREL_G1: DTPREL(S+A), bits 16 to 31.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSLD_MOVW_DTPREL_G1
// expect main: 80 46 a2 d2
.globl main
main:   movz x0, #:dtprel_g1:x+0x12345000
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
