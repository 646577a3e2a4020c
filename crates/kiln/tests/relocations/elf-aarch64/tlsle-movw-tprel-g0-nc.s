// R_AARCH64_TLSLE_MOVW_TPREL_G0_NC: TPREL(S+A), bits 0 to 15, unchecked.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSLE_MOVW_TPREL_G0_NC
// expect main: 00 8e 86 f2
.globl main
main:   movk x0, #:tprel_g0_nc:x+0x123450
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
