// R_AARCH64_MOVW_UABS_G0 as far as it goes: 0 and 2^16 - 1.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: last = 0xffff
// define: first = 0x0
// expect main: e0 ff 9f d2 // last
// expect main+4: 01 00 80 d2 // first
.globl main
main:   movz x0, #:abs_g0:last
        movz x1, #:abs_g0:first
