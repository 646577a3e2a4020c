// R_AARCH64_TLSLD_MOVW_G0_NC: G(GLDM(S)) - GOT, bits 0 to 15.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSLD_MOVW_G0_NC
// retype: .text+0x0 = 521 // R_AARCH64_TLSLD_MOVW_G0_NC, which not every assembler knows
// expect main: 00 04 80 f2 // the GOT begins at 0x20000
// expect 0x20020: 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 // the first module
.globl main
main:   movk x0, #0
        .reloc main, R_AARCH64_MOVW_UABS_G0_NC, x
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
