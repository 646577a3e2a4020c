// R_AARCH64_LDST16_ABS_LO12_NC: (S + A) & 0xfff, in units of 2 (AAELF64, "PC-relative addresses").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345670
// covers: R_AARCH64_LDST16_ABS_LO12_NC
// expect main: 01 e0 4c 79 // (external & 0xfff) / 2
// expect main+4: 02 00 0d 79 // ((external + 16) & 0xfff) / 2
// expect main+8: 03 e0 5f 7d // ((external - 0x680) & 0xfff) / 2
.globl main
main:   ldrh w1, [x0, :lo12:external]
        strh w2, [x0, :lo12:external + 16]
        ldr h3, [x0, :lo12:external - 0x680]
