// R_AARCH64_TLSLD_MOVW_DTPREL_G2: DTPREL(S+A), bits 32 to 47.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSLD_MOVW_DTPREL_G2
// expect main: 80 46 c2 d2
.globl main
main:   movz x0, #:dtprel_g2:x+0x123456789000
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
