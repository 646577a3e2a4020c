// A weak symbol that is defined nowhere is 0, in its slot too.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// expect main: 00 00 00 00 00 00 00 00 // 0
// expect main+8: 08 00 00 00 00 00 00 00 // 0 + 8
// expect main+16: 80 00 00 90 00 00 40 f9 // slot
// expect main+24: 01 00 00 94 // bl: to the next instruction
// expect main+28: 01 00 00 14 // b: the same
// expect-entries: 0 1
// expect 0x20000: 00 00 00 00 00 00 00 00 // the slot: 0
.globl main
        .weak maybe
main:   .xword maybe
        .xword maybe + 8
        adrp x0, :got:maybe
        ldr x0, [x0, :got_lo12:maybe]
        bl maybe
        b maybe + 8
