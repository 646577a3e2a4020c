// Instructions that are data: the assembler marks the section, and it is writable all the same, also in a segment of its own.
// target: aarch64-apple-darwin
// base: 0x10000
// expect main: 40 00 00 90 // template: 0x18000
// expect main+4: 00 00 00 91
// expect main+8: 41 00 00 90 // own: 0x18008
// expect main+12: 21 20 00 91
// expect 0x18000: c0 03 5f d6 2a 00 00 00
// expect 0x18008: 1f 20 03 d5
// expect-entries: 0 0
.globl _main
_main:  adrp x0, _template@PAGE
        add x0, x0, _template@PAGEOFF
        adrp x1, _own@PAGE
        add x1, x1, _own@PAGEOFF
        ret
        .data
        .p2align 3
_template: ret
        .long 42
        .section __OWN,__own
        .p2align 3
_own:   nop
        .section __DATA_CONST,__const
        .quad 7
