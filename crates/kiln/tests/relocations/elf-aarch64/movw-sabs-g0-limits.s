// R_AARCH64_MOVW_SABS_G0 as far as it goes: -2^16 and 2^16 - 1.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: last = 0xffff
// define: first = 0xffffffffffff0000
// expect main: e0 ff 9f d2 // movz: last
// expect main+4: e1 ff 9f 92 // movn: the complement of first
.globl main
main:   movz x0, #:abs_g0_s:last
        movz x1, #:abs_g0_s:first
