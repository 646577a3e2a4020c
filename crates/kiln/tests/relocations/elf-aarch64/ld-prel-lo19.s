// R_AARCH64_LD_PREL_LO19: S + A - P, a load from there (AAELF64, "PC-relative addresses").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x18000
// covers: R_AARCH64_LD_PREL_LO19
// expect main: 00 00 04 58 // external - place
// expect main+4: e1 ff fb 18 // external - 0x10000 - place
// expect main+8: e2 ff 03 9c // external + 4 - place
// expect main+12: a3 ff 03 98 // external - place
// expect main+16: 80 ff 03 d8 // external - place
.globl main
main:   ldr x0, external
        ldr w1, external - 0x10000
        ldr q2, external + 4
        ldrsw x3, external
        prfm pldl1keep, external
