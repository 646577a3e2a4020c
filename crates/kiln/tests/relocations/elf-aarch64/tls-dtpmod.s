// R_AARCH64_TLS_DTPMOD: the number of the module, which is 1 for a program.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLS_DTPMOD
// retype: .text+0x0 = 1028
// expect main: 01 00 00 00 00 00 00 00
.globl main
main:   .xword x
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
