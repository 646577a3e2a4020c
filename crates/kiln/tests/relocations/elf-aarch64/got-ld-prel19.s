// R_AARCH64_GOT_LD_PREL19: G - P (AAELF64, "GOT-relative").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// covers: R_AARCH64_GOT_LD_PREL19
// expect main: 00 00 08 58 // slot - place
// expect main+4: e1 ff 07 58 // slot - place
// expect 0x20000: 78 56 34 12 00 00 00 00 // the slot: external
// expect-entries: 0 1
.globl main
main:   ldr x0, :got:external
        ldr x1, :got:external
