// R_AARCH64_TLSLE_MOVW_TPREL_G1_NC: TPREL(S+A), bits 16 to 31, unchecked.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSLE_MOVW_TPREL_G1_NC
// expect main: c0 8a a6 f2
.globl main
main:   movk x0, #:tprel_g1_nc:x+0x1234567890
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
