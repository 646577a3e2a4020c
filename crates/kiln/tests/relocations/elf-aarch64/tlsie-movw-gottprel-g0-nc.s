// R_AARCH64_TLSIE_MOVW_GOTTPREL_G0_NC: G(GTPREL(S+A)) - GOT, bits 0 to 15.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSIE_MOVW_GOTTPREL_G0_NC
// expect main: 00 04 80 f2 // the GOT begins at 0x20000
// expect 0x20020: 20 00 00 00 00 00 00 00 // 16 behind the thread pointer, and 16 in the block
.globl main
main:   movk x0, #0
        .reloc main, R_AARCH64_TLSIE_MOVW_GOTTPREL_G0_NC, x
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
