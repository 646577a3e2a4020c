// R_AARCH64_ABS32 as far as it goes, read either way: -2^31 and 2^32 - 1.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: last = 0xffffffff
// define: first = 0xffffffff80000000
// expect main: ff ff ff ff // last
// expect main+4: 00 00 00 80 // first
.globl main
main:   .word last
        .word first
