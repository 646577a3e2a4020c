// R_AARCH64_MOVW_PREL_G1 as far as it goes: -2^32 and 2^32 - 1 from the place.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: last = 0x10000ffff
// define: first = 0xffffffff00010004
// expect main: e0 ff bf d2 // movz: last - place
// expect main+4: e1 ff bf 92 // movn: the complement of first - place
.globl main
main:   movz x0, #:prel_g1:last
        movz x1, #:prel_g1:first
