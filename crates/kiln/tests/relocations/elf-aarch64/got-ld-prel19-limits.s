// R_AARCH64_GOT_LD_PREL19 as far as it reaches: the slot is 1 MiB less 4 bytes further.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// expect main: e0 ff 7f 58 // slot - place
// expect 0x110000: 78 56 34 12 00 00 00 00 // the slot: external
// expect-entries: 0 1
.globl main
        .zero 4
main:   ldr x0, :got:external
        .zero 0xffff8
