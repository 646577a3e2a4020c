// R_AARCH64_ADR_GOT_PAGE: Page(G) - Page(P) (AAELF64, "GOT-relative").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// covers: R_AARCH64_ADR_GOT_PAGE
// expect main: 80 00 00 90 // slot
// expect 0x20000: 78 56 34 12 00 00 00 00 // the slot: external
// expect-entries: 0 1
.globl main
main:   adrp x0, :got:external
