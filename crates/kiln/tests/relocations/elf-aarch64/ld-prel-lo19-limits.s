// R_AARCH64_LD_PREL_LO19 as far as it reaches: -0x100000 and 0xffffc from the place.
// target: aarch64-unknown-linux-gnu
// base: 0x40000000
// define: last = 0x400ffffc
// define: first = 0x3ff00004
// expect main: e0 ff 7f 58 // last - place
// expect main+4: 00 00 80 58 // first - place
.globl main
main:   ldr x0, last
        ldr x0, first
