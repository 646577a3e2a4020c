// R_AARCH64_CONDBR19 as far as it reaches: -0x100000 and 0xffffc from the place.
// target: aarch64-unknown-linux-gnu
// base: 0x40000000
// define: last = 0x400ffffc
// define: first = 0x3ff00004
// expect main: e0 ff 7f b4 // last - place
// expect main+4: 00 00 80 b4 // first - place
.globl main
main:   cbz x0, last
        cbz x0, first
