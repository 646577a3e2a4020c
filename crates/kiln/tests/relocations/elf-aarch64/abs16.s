// R_AARCH64_ABS16: S + A, 2 bytes (AAELF64, "Data relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x1234
// covers: R_AARCH64_ABS16
// expect main: 34 12 // external
// expect main+2: 35 12 // external + 1
.globl main
main:   .hword external
        .hword external + 1
