// R_AARCH64_PREL64: S + A - P, 8 bytes (AAELF64, "Data relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// define: high = 0xffff800000001000
// covers: R_AARCH64_PREL64
// expect main: 78 56 33 12 00 00 00 00 // external - place
// expect main+8: f8 0f ff ff ff 7f ff ff // high - place
.globl main
main:   .xword external - .
        .xword high - .
