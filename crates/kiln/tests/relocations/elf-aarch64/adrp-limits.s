// R_AARCH64_ADR_PREL_PG_HI21 as far as it reaches: -4 GiB and 4 GiB less a page, counted in pages.
// target: aarch64-unknown-linux-gnu
// base: 0x200000000
// define: last = 0x2ffffffff
// define: first = 0x100000000
// expect main: e0 ff 7f f0 // last
// expect main+4: 01 00 80 90 // first
// expect main+0xffc: e2 ff 7f f0 // last, from the end of the page
.globl main
main:   adrp x0, last
        adrp x1, first
        .org 0xffc
        adrp x2, last
