// R_AARCH64_TLSIE_ADR_GOTTPREL_PAGE21: Page(GTPREL(S+A)) - Page(P).
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSIE_ADR_GOTTPREL_PAGE21
// expect main: 80 00 00 90
// expect 0x20020: 20 00 00 00 00 00 00 00 // 16 behind the thread pointer, and 16 in the block
.globl main
main:   adrp x0, :gottprel:x
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
