// An entry that is cut off.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: compact-cut-off.s: __compact_unwind+0x8: an entry of 32 bytes is cut off
.globl _f
_f:     ret
        .data
_d:     .quad 0
        .section __LD,__compact_unwind,regular,debug
        .quad _f
