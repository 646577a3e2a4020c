// R_AARCH64_TLSLE_LDST32_TPREL_LO12: TPREL(S+A), 12 bits.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSLE_LDST32_TPREL_LO12
// expect main: 00 20 40 b9
.globl main
main:   ldr w0, [x0, :tprel_lo12:x]
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
