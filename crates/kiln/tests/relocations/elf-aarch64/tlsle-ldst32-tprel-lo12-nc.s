// R_AARCH64_TLSLE_LDST32_TPREL_LO12_NC: TPREL(S+A), bits 0 to 11.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSLE_LDST32_TPREL_LO12_NC
// expect main: 00 70 44 b9
.globl main
main:   ldr w0, [x0, :tprel_lo12_nc:x+0x123450]
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
