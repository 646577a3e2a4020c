// Two subtrahends.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// retype: __data+0x10 = 0x1e // ARM64_RELOC_SUBTRACTOR
// retype: __data+0x8 = 0x1e
// expect-error: pair-twice.s: __data+0x8: two parts of a relocation, and no relocation behind them
.globl _main
        .data
_main:  .quad _external
        .quad _external
        .quad _external
