// R_AARCH64_TLS_TPREL: TPREL(S+A), 8 bytes.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLS_TPREL
// retype: .text+0x0 = 1030
// expect main: 20 00 00 00 00 00 00 00
.globl main
main:   .xword x
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
