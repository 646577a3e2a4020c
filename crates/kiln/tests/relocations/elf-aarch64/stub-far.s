// A branch out of reach goes through a stub, `adrp, ldr, br`, which two branches and the GOT share.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x7f0000000000
// expect main: 04 00 00 94 // stub - place
// expect main+4: 03 00 00 14 // stub - place
// expect main+8: 80 00 00 90 // slot
// expect main+12: 00 00 20 d4 // brk up to the stub
// expect 0x10010: 90 00 00 90 10 02 40 f9 00 02 1f d6 // adrp x16, slot; ldr x16, [x16, slot]; br x16
// expect 0x20000: 00 00 00 00 00 7f 00 00 // external
// expect-entries: 1 1
.globl main
main:   bl external
        b external
        adrp x0, :got:external
