// R_AARCH64_TLSDESC_LD_PREL19: GTLSDESC(S+A) - P, in words.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSDESC_LD_PREL19
// expect main: 01 01 08 58
// expect 0x20020: 00 00 00 00 00 00 00 00 20 00 00 00 00 00 00 00
.globl main
main:   ldr x1, #0
        .reloc main, R_AARCH64_TLSDESC_LD_PREL19, x
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
