// adrp and add, adrp and ldr: what stands in the data and the constants; a branch to another section.
// target: aarch64-apple-darwin
// base: 0x10000
// expect main: 40 00 00 b0 // table: 0x1923c
// expect main+4: 00 f0 08 91 // table & 0xfff
// expect main+8: 21 00 00 90 // Lnumber
// expect main+12: 21 04 c0 3d // 0x10 / 16
// expect main+16: 02 00 00 94 // Lthere - place
// expect-entries: 0 0
.globl _main
_main:  adrp x0, _table@PAGE
        add x0, x0, _table@PAGEOFF
        adrp x1, Lnumber@PAGE
        ldr q1, [x1, Lnumber@PAGEOFF]
        bl Lthere
        .section __TEXT,__literal16,16byte_literals
        .p2align 4
        .quad 0, 0
Lnumber: .quad 1, 2
        .data
        .zero 0x123c
_table: .zero 8
        .section __TEXT,__there,regular,pure_instructions
        nop
Lthere: ret
