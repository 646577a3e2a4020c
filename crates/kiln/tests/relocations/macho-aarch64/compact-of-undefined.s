// An entry for a function of another file.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: compact-of-undefined.s: __compact_unwind+0x0: an entry of a compact unwind table is for what is no function of this file
.globl _f
_f:     ret
        .data
_d:     .quad 0
        .section __LD,__compact_unwind,regular,debug
        .quad _elsewhere
        .long 4, 0x02000000
        .quad 0, 0
