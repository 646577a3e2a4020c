// R_AARCH64_TLSLD_MOVW_DTPREL_G1_NC: DTPREL(S+A), bits 16 to 31, unchecked.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSLD_MOVW_DTPREL_G1_NC
// expect main: 80 46 a2 f2
.globl main
main:   movk x0, #:dtprel_g1_nc:x+0x712345000
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
