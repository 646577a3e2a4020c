// R_AARCH64_TLSDESC_CALL: marks the call of a descriptor; nothing is written.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSDESC_CALL
// expect main: 20 00 3f d6
.globl main
main:   .tlsdesccall x
        blr x1
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
