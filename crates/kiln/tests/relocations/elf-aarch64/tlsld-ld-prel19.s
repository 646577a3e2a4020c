// R_AARCH64_TLSLD_LD_PREL19: GLDM(S) - P, in words.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSLD_LD_PREL19
// retype: .text+0x0 = 522 // R_AARCH64_TLSLD_LD_PREL19, which not every assembler knows
// expect main: 01 01 08 58
// expect 0x20020: 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 // the first module
.globl main
main:   ldr x1, #0
        .reloc main, R_AARCH64_LD_PREL_LO19, x
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
