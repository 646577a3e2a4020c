// R_AARCH64_ADR_PREL_PG_HI21: Page(S + A) - Page(P) (AAELF64, "PC-relative addresses").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// covers: R_AARCH64_ADR_PREL_PG_HI21
// expect main: a0 19 09 b0 // external
// expect main+4: a1 19 09 d0 // external + 0x988: the next page
// expect main+8: a2 19 09 90 // external - 0x679: the page before
// expect main+12: 03 00 00 90 // main: its own page
.globl main
main:   adrp x0, external
        adrp x1, external + 0x988
        adrp x2, external - 0x679
        adrp x3, main
