// R_AARCH64_TLSLD_MOVW_G1: G(GLDM(S)) - GOT, bits 16 to 31.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSLD_MOVW_G1
// retype: .text+0x0 = 520 // R_AARCH64_TLSLD_MOVW_G1, which not every assembler knows
// expect main: 00 00 a0 d2
// expect 0x20020: 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 // the first module
.globl main
main:   movz x0, #0, lsl #16
        .reloc main, R_AARCH64_MOVW_UABS_G1, x
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
