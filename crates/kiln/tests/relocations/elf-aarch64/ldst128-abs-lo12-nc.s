// R_AARCH64_LDST128_ABS_LO12_NC: (S + A) & 0xfff, in units of 16 (AAELF64, "PC-relative addresses").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345670
// covers: R_AARCH64_LDST128_ABS_LO12_NC
// expect main: 01 9c c1 3d // (external & 0xfff) / 16
// expect main+4: 02 a0 81 3d // ((external + 16) & 0xfff) / 16
// expect main+8: 03 fc c3 3d // ((external - 0x680) & 0xfff) / 16
.globl main
main:   ldr q1, [x0, :lo12:external]
        str q2, [x0, :lo12:external + 16]
        ldr q3, [x0, :lo12:external - 0x680]
