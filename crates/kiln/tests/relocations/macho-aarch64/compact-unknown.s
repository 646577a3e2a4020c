// An encoding of a kind that is not known.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: compact-unknown.s: __compact_unwind+0xc: the compact unwind encoding 0x05000000 is of an unknown kind
.globl _f
_f:     ret
        .data
_d:     .quad 0
        .section __LD,__compact_unwind,regular,debug
        .quad _f
        .long 4, 0x05000000
        .quad 0, 0
