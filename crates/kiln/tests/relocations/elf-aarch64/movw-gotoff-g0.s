// R_AARCH64_MOVW_GOTOFF_G0: G - GOT (AAELF64, "GOT-relative instruction relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// define: other = 0x7f0000000000
// covers: R_AARCH64_MOVW_GOTOFF_G0
// retype: .text+0x0 = 300
// retype: .text+0x4 = 300
// expect main: 00 00 80 d2 01 01 80 d2 // first slot, second slot
// expect-entries: 0 2
.globl main
main:   movz x0, #:abs_g0:external
        movz x1, #:abs_g0:other
