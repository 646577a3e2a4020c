// R_AARCH64_TLSLE_LDST8_TPREL_LO12: TPREL(S+A), 12 bits.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSLE_LDST8_TPREL_LO12
// expect main: 00 80 40 39
.globl main
main:   ldrb w0, [x0, :tprel_lo12:x]
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
