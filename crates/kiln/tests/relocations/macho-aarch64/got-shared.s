// References of every kind to one symbol share a slot; another symbol has its own.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// define: other = 0x7f0000000000
// expect main: 20 00 00 90 00 04 40 f9 00 40 00 00 // second slot, three times
// expect main+12: 21 00 00 90 21 00 40 f9 // first slot, twice
// expect 0x14000: 00 00 00 00 00 7f 00 00 // other
// expect 0x14008: 78 56 34 12 00 00 00 00 // external
// expect-entries: 0 2
.globl _main
_main:  adrp x0, _external@GOTPAGE
        ldr x0, [x0, _external@GOTPAGEOFF]
        .long _external@GOT - .
        adrp x1, _other@GOTPAGE
        ldr x1, [x1, _other@GOTPAGEOFF]
