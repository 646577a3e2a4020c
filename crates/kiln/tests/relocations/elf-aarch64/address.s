// adrp and add, adrp and ldr: the address of what stands in the data.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// expect main: 80 00 00 b0 // table
// expect main+4: 00 f0 08 91 // table & 0xfff
// expect main+8: 01 40 42 b9 // ((table + 4) & 0xfff) / 4
// expect main+12: 01 00 00 94 // there - place
// expect-entries: 0 0
.globl main
main:   adrp x0, table
        add x0, x0, :lo12:table
        ldr w1, [x0, :lo12:table + 4]
        bl there
        .data
        .zero 0x123c
table:  .zero 8
        .section .text.there, "ax", %progbits
there:  ret
