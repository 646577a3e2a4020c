// R_AARCH64_MOVW_GOTOFF_G1_NC: G - GOT (AAELF64, "GOT-relative instruction relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// define: other = 0x7f0000000000
// covers: R_AARCH64_MOVW_GOTOFF_G1_NC
// retype: .text+0x0 = 303
// retype: .text+0x4 = 303
// expect main: 00 00 a0 f2 01 00 a0 f2 // first slot, second slot
// expect-entries: 0 2
.globl main
main:   movk x0, #:abs_g1_nc:external
        movk x1, #:abs_g1_nc:other
