// adrp and add, adrp and ldr: what stands in the data and the constants, by symbols and by sections.
// target: aarch64-pc-windows-msvc
// base: 0x10000
// expect main: 20 00 00 90 // table + 0xe00: 0x1323c + 0xe00
// expect main+4: 00 f0 00 91 // (table + 0xe00) & 0xfff
// expect main+8: 01 00 00 b0 // number
// expect main+12: 21 04 c0 3d // 0x10 / 16
// expect main+16: 02 00 00 94 // there - place
// expect-entries: 0 0
.globl main
main:   adrp x0, table + 0xe00
        add x0, x0, :lo12:table + 0xe00
        adrp x1, number
        ldr q1, [x1, :lo12:number]
        bl there
        .section .rdata, "dr"
        .p2align 4
        .quad 0, 0
number: .quad 1, 2
        .data
        .zero 0x123c
table:  .zero 8
        .section .there, "xr"
        nop
there:  ret
