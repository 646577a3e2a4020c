// R_AARCH64_TLSGD_ADR_PREL21: GTLSIDX(S,A) - P (AAELF64 5.7.11).
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSGD_ADR_PREL21
// expect main: 00 01 08 10
// expect 0x20020: 01 00 00 00 00 00 00 00 10 00 00 00 00 00 00 00 // the first module, and x in its block
.globl main
main:   adr x0, #0
        .reloc main, R_AARCH64_TLSGD_ADR_PREL21, x
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
