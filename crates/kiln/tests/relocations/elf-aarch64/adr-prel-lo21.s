// R_AARCH64_ADR_PREL_LO21: S + A - P (AAELF64, "PC-relative addresses").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x18003
// covers: R_AARCH64_ADR_PREL_LO21
// expect main: 00 00 04 70 // external - place
// expect main+4: e1 ff fb 70 // external - 0x10000 - place
.globl main
main:   adr x0, external
        adr x1, external - 0x10000
