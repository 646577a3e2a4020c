// R_AARCH64_TLSDESC_OFF_G1: G(GTLSDESC(S+A)) - GOT, bits 16 to 31.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSDESC_OFF_G1
// expect main: 00 00 a0 d2
// expect 0x20020: 00 00 00 00 00 00 00 00 20 00 00 00 00 00 00 00
.globl main
main:   movz x0, #0, lsl #16
        .reloc main, R_AARCH64_TLSDESC_OFF_G1, x
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
