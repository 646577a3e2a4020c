// R_AARCH64_PREL16: S + A - P, 2 bytes (AAELF64, "Data relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0xfff0
// covers: R_AARCH64_PREL16
// expect main: f0 ff // external - place
// expect main+2: ee ff // external - place
.globl main
main:   .hword external - .
        .hword external - .
