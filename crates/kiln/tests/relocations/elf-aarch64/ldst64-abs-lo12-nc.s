// R_AARCH64_LDST64_ABS_LO12_NC: (S + A) & 0xfff, in units of 8 (AAELF64, "PC-relative addresses").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345670
// covers: R_AARCH64_LDST64_ABS_LO12_NC
// expect main: 01 38 43 f9 // (external & 0xfff) / 8
// expect main+4: 00 40 83 f9 // ((external + 16) & 0xfff) / 8
// expect main+8: 03 f8 07 fd // ((external - 0x680) & 0xfff) / 8
.globl main
main:   ldr x1, [x0, :lo12:external]
        prfm pldl1keep, [x0, :lo12:external + 16]
        str d3, [x0, :lo12:external - 0x680]
