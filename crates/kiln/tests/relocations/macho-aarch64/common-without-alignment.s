// Common symbols that ask for no alignment have that of their size, up to 16.
// target: aarch64-apple-darwin
// base: 0x10000
// expect main: 00 40 01 00 00 00 00 00 // one byte
// expect main+8: 08 40 01 00 00 00 00 00 // 12 bytes
// expect main+16: 20 40 01 00 00 00 00 00 // 100 bytes
.globl _main
_main:  .quad _a, _b, _c
        .comm _a, 1
        .comm _b, 12
        .comm _c, 100
