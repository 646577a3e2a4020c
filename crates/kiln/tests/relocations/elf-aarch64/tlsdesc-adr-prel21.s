// R_AARCH64_TLSDESC_ADR_PREL21: GTLSDESC(S+A) - P.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSDESC_ADR_PREL21
// expect main: 00 01 08 10
// expect 0x20020: 00 00 00 00 00 00 00 00 20 00 00 00 00 00 00 00
.globl main
main:   adr x0, #0
        .reloc main, R_AARCH64_TLSDESC_ADR_PREL21, x
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
