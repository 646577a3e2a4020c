// R_AARCH64_TLSGD_ADR_PAGE21: Page(GTLSIDX(S,A)) - Page(P) (AAELF64 5.7.11).
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSGD_ADR_PAGE21
// retype: .text+0x0 = 513 // R_AARCH64_TLSGD_ADR_PAGE21
// expect main: 80 00 00 90
// expect 0x20020: 01 00 00 00 00 00 00 00 10 00 00 00 00 00 00 00 // the first module, and x in its block
.globl main
main:   adrp x0, x
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
