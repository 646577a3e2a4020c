// R_AARCH64_ADD_ABS_LO12_NC: (S + A) & 0xfff (AAELF64, "PC-relative addresses").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// covers: R_AARCH64_ADD_ABS_LO12_NC
// expect main: 00 e0 19 91 // external & 0xfff
// expect main+4: 21 e0 3f 11 // (external - 0x680) & 0xfff: of the page before
.globl main
main:   add x0, x0, :lo12:external
        add w1, w1, :lo12:external - 0x680
