// R_AARCH64_MOVW_SABS_G1 as far as it goes: -2^32 and 2^32 - 1.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: last = 0xffffffff
// define: first = 0xffffffff00000000
// expect main: e0 ff bf d2 // movz: last
// expect main+4: e1 ff bf 92 // movn: the complement of first
.globl main
main:   movz x0, #:abs_g1_s:last
        movz x1, #:abs_g1_s:first
