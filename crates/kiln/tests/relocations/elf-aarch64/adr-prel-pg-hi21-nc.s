// R_AARCH64_ADR_PREL_PG_HI21_NC: Page(S + A) - Page(P), unchecked (AAELF64, "PC-relative addresses").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// define: far = 0x123456789abc
// covers: R_AARCH64_ADR_PREL_PG_HI21_NC
// expect main: a0 19 09 b0 // external
// expect main+4: c1 3b 2b b0 // far: the low 21 bits
.globl main
main:   adrp x0, :pg_hi21_nc:external
        adrp x1, :pg_hi21_nc:far
