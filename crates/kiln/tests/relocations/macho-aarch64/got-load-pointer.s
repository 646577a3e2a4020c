// A GOT load of what the image holds stays one where something else needs the slot: both instructions choose alike.
// target: aarch64-apple-darwin
// base: 0x10000
// expect main: 20 00 00 90 00 00 40 f9 f8 3f 00 00 // slot, three times
// expect 0x14000: 00 00 01 00 00 00 00 00 // main
// expect-entries: 0 1
.globl _main
_main:  adrp x0, _main@GOTPAGE
        ldr x0, [x0, _main@GOTPAGEOFF]
        .long _main@GOT - .
