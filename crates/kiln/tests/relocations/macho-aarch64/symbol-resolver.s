// A function that another one chooses: its address is its stub's, whose slot holds what is chosen, and in a plan who chooses.
// target: aarch64-apple-darwin
// base: 0x10000
// expect main: 04 00 00 94 // the stub: 0x10010
// expect main+4: c0 03 5f d6
// expect 0x10010: 30 00 00 90 10 02 40 f9 00 02 1f d6 // adrp x16, 0x14000; ldr x16, [x16]; br x16
// expect 0x14000: 08 00 01 00 00 00 00 00 // chosen
// expect 0x18000: 10 00 01 00 00 00 00 00 // the stub
.globl _main, _chosen
_main:  bl _chosen
        ret
_chosen:
        .symbol_resolver _chosen
        mov x0, #0
        ret
        .data
        .quad _chosen
        .subsections_via_symbols
