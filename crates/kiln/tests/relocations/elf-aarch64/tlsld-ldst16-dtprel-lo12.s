// R_AARCH64_TLSLD_LDST16_DTPREL_LO12: DTPREL(S+A), 12 bits.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSLD_LDST16_DTPREL_LO12
// expect main: 00 20 40 79
.globl main
main:   ldrh w0, [x0, :dtprel_lo12:x]
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
