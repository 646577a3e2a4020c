// R_AARCH64_TLSLD_MOVW_DTPREL_G0_NC: DTPREL(S+A), bits 0 to 15, unchecked.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSLD_MOVW_DTPREL_G0_NC
// expect main: 80 48 82 f2
.globl main
main:   movk x0, #:dtprel_g0_nc:x+0x71234
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
