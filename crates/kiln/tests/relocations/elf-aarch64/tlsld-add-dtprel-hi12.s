// R_AARCH64_TLSLD_ADD_DTPREL_HI12: DTPREL(S+A), bits 12 to 23.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSLD_ADD_DTPREL_HI12
// expect main: 00 8c 44 91
.globl main
main:   add x0, x0, #0, lsl #12
        .reloc main, R_AARCH64_TLSLD_ADD_DTPREL_HI12, x+0x123450
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
