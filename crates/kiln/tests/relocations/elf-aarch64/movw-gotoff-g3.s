// R_AARCH64_MOVW_GOTOFF_G3: G - GOT (AAELF64, "GOT-relative instruction relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// define: other = 0x7f0000000000
// covers: R_AARCH64_MOVW_GOTOFF_G3
// retype: .text+0x0 = 306
// retype: .text+0x4 = 306
// expect main: 00 00 e0 d2 01 00 e0 d2 // first slot, second slot
// expect-entries: 0 2
.globl main
main:   movz x0, #:abs_g3:external
        movz x1, #:abs_g3:other
