// R_AARCH64_TLSIE_LD64_GOTTPREL_LO12_NC: GTPREL(S+A), bits 3 to 11.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSIE_LD64_GOTTPREL_LO12_NC
// expect main: 00 10 40 f9
// expect 0x20020: 20 00 00 00 00 00 00 00
.globl main
main:   ldr x0, [x0, :gottprel_lo12:x]
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
