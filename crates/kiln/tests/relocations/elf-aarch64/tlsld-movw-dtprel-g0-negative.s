// A negative offset makes `movn` of `movz`, which takes the complement (AAELF64 5.7.11).
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// expect main: e0 fb 8f 92
.globl main
main:   movz x0, #:dtprel_g0:x-0x7ff0
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
