// Two references to one symbol share a slot, whatever their kind; another symbol has its own.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// expect main: 80 00 00 90 00 00 40 f9 c1 ff 07 58 // first slot, three times
// expect main+12: 82 00 00 90 42 04 40 f9 // second slot, twice
// expect 0x20000: 78 56 34 12 00 00 00 00 // external
// expect 0x20008: 00 00 01 00 00 00 00 00 // main, in the image
// expect-entries: 0 2
.globl main
main:   adrp x0, :got:external
        ldr x0, [x0, :got_lo12:external]
        ldr x1, :got:external
        adrp x2, :got:main
        ldr x2, [x2, :got_lo12:main]
