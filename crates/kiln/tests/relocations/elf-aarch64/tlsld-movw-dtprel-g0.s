// R_AARCH64_TLSLD_MOVW_DTPREL_G0: DTPREL(S+A), bits 0 to 15.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSLD_MOVW_DTPREL_G0
// expect main: 80 48 82 d2
.globl main
main:   movz x0, #:dtprel_g0:x+0x1234
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
