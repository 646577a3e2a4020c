// Common symbols that ask for no alignment have that of their size, rounded up, up to 32 KiB.
// target: aarch64-apple-darwin
// base: 0x10000
// expect main: 00 80 01 00 00 00 00 00 // one byte
// expect main+8: 10 80 01 00 00 00 00 00 // 12 bytes: 16
// expect main+16: 80 80 01 00 00 00 00 00 // 100 bytes: 128
// expect main+24: 00 00 02 00 00 00 00 00 // 40,000 bytes
.globl _main
_main:  .quad _a, _b, _c, _d
        .comm _a, 1
        .comm _b, 12
        .comm _c, 100
        .comm _d, 40000
