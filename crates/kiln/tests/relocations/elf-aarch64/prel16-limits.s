// R_AARCH64_PREL16 as far as it goes, read either way: -2^15 and 2^16 - 1 from the place.
// target: aarch64-unknown-linux-gnu
// base: 0x200000000
// define: last = 0x20000ffff
// define: first = 0x1ffff8002
// expect main: ff ff // last - place
// expect main+2: 00 80 // first - place
.globl main
main:   .hword last - .
        .hword first - .
