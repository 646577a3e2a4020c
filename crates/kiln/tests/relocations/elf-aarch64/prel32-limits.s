// R_AARCH64_PREL32 as far as it goes, read either way: -2^31 and 2^32 - 1 from the place.
// target: aarch64-unknown-linux-gnu
// base: 0x200000000
// define: last = 0x2ffffffff
// define: first = 0x180000004
// expect main: ff ff ff ff // last - place
// expect main+4: 00 00 00 80 // first - place
.globl main
main:   .word last - .
        .word first - .
