// R_AARCH64_TLSIE_LD_GOTTPREL_PREL19: GTPREL(S+A) - P, in words.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSIE_LD_GOTTPREL_PREL19
// expect main: 01 01 08 58
// expect 0x20020: 20 00 00 00 00 00 00 00 // 16 behind the thread pointer, and 16 in the block
.globl main
main:   ldr x1, #0
        .reloc main, R_AARCH64_TLSIE_LD_GOTTPREL_PREL19, x
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
