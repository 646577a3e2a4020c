// R_AARCH64_ABS64: S + A, 8 bytes (AAELF64, "Data relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// define: high = 0xffff800000001000
// covers: R_AARCH64_ABS64
// expect main: 80 56 34 12 00 00 00 00 // external + 8
// expect main+8: 70 56 34 12 00 00 00 00 // external - 8
// expect main+16: 00 10 00 00 00 80 ff ff // high
.globl main
        .data
main:   .xword external + 8
        .xword external - 8
        .xword high
