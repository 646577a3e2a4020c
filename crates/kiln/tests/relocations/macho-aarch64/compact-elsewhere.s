// An entry that leaves a function to __eh_frame, which is not there.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: compact-elsewhere.s: __compact_unwind+0x0: a function that __eh_frame is to describe, and it does not
.globl _f
_f:     ret
        .data
_d:     .quad 0
        .section __LD,__compact_unwind,regular,debug
        .quad _f
        .long 4, 0x03000000
        .quad 0, 0
