// R_AARCH64_MOVW_PREL_G0 as far as it goes: -2^16 and 2^16 - 1 from the place.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: last = 0x1ffff
// define: first = 0x4
// expect main: e0 ff 9f d2 // movz: last - place
// expect main+4: e1 ff 9f 92 // movn: the complement of first - place
.globl main
main:   movz x0, #:prel_g0:last
        movz x1, #:prel_g0:first
