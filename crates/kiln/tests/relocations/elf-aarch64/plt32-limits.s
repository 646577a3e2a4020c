// R_AARCH64_PLT32 as far as it reaches, with a sign: -2^31 and 2^31 - 1.
// target: aarch64-unknown-linux-gnu
// base: 0x200000000
// define: last = 0x27fffffff
// define: first = 0x180000004
// retype: .text+0x0 = 314 // R_AARCH64_PLT32
// retype: .text+0x4 = 314
// expect main: ff ff ff 7f // last - place
// expect main+4: 00 00 00 80 // first - place
.globl main
main:   .word last - .
        .word first - .
