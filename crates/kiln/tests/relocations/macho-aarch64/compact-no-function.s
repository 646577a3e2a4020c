// An entry for no function.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: compact-no-function.s: __compact_unwind+0x20: an entry of a compact unwind table names no function
.globl _f
_f:     ret
        .data
_d:     .quad 0
        .section __LD,__compact_unwind,regular,debug
        .quad _f
        .long 4, 0x02000000
        .quad 0, 0
        .quad 0
        .long 4, 0x02000000
        .quad 0, 0
