// R_AARCH64_MOVW_SABS_G2 as far as it goes: -2^48 and 2^48 - 1.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: last = 0xffffffffffff
// define: first = 0xffff000000000000
// expect main: e0 ff df d2 // movz: last
// expect main+4: e1 ff df 92 // movn: the complement of first
.globl main
main:   movz x0, #:abs_g2_s:last
        movz x1, #:abs_g2_s:first
