// R_AARCH64_TLSLD_ADR_PAGE21: Page(GLDM(S)) - Page(P).
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSLD_ADR_PAGE21
// retype: .text+0x0 = 518 // R_AARCH64_TLSLD_ADR_PAGE21
// expect main: 80 00 00 90
// expect 0x20020: 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 // the first module
.globl main
main:   adrp x0, x
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
