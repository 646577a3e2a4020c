// R_AARCH64_LDST8_ABS_LO12_NC: (S + A) & 0xfff, in units of 1 (AAELF64, "PC-relative addresses").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345670
// covers: R_AARCH64_LDST8_ABS_LO12_NC
// expect main: 01 c0 59 39 // (external & 0xfff) / 1
// expect main+4: 02 00 1a 39 // ((external + 16) & 0xfff) / 1
// expect main+8: 03 c0 7f 3d // ((external - 0x680) & 0xfff) / 1
.globl main
main:   ldrb w1, [x0, :lo12:external]
        strb w2, [x0, :lo12:external + 16]
        ldr b3, [x0, :lo12:external - 0x680]
