// adrp and its low 12 bits, with addends that leave the page, up and down.
// target: aarch64-unknown-linux-gnu
// base: 0x10000000
// expect main: 80 00 00 b0 // the page behind that of table
// expect main+4: 00 20 00 91
// expect main+8: 81 00 00 90 // the page of table
// expect main+12: 21 04 40 f9 // 8 / 8
.globl main
main:   adrp x0, table + 0xff8
        add x0, x0, :lo12:table + 0xff8
        adrp x1, table - 8
        ldr x1, [x1, :lo12:table - 8]
        .data
        .zero 0x10
table:  .zero 0x2000
