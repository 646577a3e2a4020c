// R_AARCH64_ADR_PREL_LO21 as far as it reaches: -0x100000 and 0xfffff from the place.
// target: aarch64-unknown-linux-gnu
// base: 0x40000000
// define: last = 0x400fffff
// define: first = 0x3ff00004
// expect main: e0 ff 7f 70 // last - place
// expect main+4: 00 00 80 10 // first - place
.globl main
main:   adr x0, last
        adr x0, first
