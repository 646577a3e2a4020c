// R_AARCH64_MOVW_PREL_G2 as far as it goes: -2^48 and 2^48 - 1 from the place.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: last = 0x100000000ffff
// define: first = 0xffff000000010004
// expect main: e0 ff df d2 // movz: last - place
// expect main+4: e1 ff df 92 // movn: the complement of first - place
.globl main
main:   movz x0, #:prel_g2:last
        movz x1, #:prel_g2:first
