// R_AARCH64_TLSLD_LDST64_DTPREL_LO12_NC: DTPREL(S+A), bits 0 to 11.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSLD_LDST64_DTPREL_LO12_NC
// expect main: 00 30 42 f9
.globl main
main:   ldr x0, [x0, :dtprel_lo12_nc:x+0x123450]
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
