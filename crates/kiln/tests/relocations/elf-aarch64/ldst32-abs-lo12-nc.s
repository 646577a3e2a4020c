// R_AARCH64_LDST32_ABS_LO12_NC: (S + A) & 0xfff, in units of 4 (AAELF64, "PC-relative addresses").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345670
// covers: R_AARCH64_LDST32_ABS_LO12_NC
// expect main: 01 70 46 b9 // (external & 0xfff) / 4
// expect main+4: 02 80 86 b9 // ((external + 16) & 0xfff) / 4
// expect main+8: 03 f0 4f bd // ((external - 0x680) & 0xfff) / 4
.globl main
main:   ldr w1, [x0, :lo12:external]
        ldrsw x2, [x0, :lo12:external + 16]
        ldr s3, [x0, :lo12:external - 0x680]
