// Common symbols and a definition of one name: the definition counts, in every input.
// target: aarch64-apple-darwin
// base: 0x10000
// expect main: 10 00 01 00 00 00 00 00 // x of the second input, which stands at 0x10008
// expect second: 10 00 01 00 00 00 00 00 // the same
// expect x: 2a 00 00 00 // 42
.globl _main
_main:  .quad _x
        .comm _x, 4, 2
// input
.globl _second, _x
_second: .quad _x
_x:     .long 42
// input
.comm _x, 64, 4
