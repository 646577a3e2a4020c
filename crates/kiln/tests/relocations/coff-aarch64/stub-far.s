// A branch out of reach goes through a stub, `adrp, ldr, br`, which two branches share.
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x7f0000000000
// expect main: 02 00 00 94 // stub - place
// expect main+4: 01 00 00 14 // stub - place
// expect 0x10008: 10 00 00 b0 10 02 40 f9 00 02 1f d6 // adrp x16, slot; ldr x16, [x16, slot]; br x16
// expect 0x11000: 00 00 00 00 00 7f 00 00 // external
// expect-entries: 1 1
.globl main
main:   bl external
        b external
