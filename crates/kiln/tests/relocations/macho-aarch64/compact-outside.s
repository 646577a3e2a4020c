// An entry for more code than there is.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: compact-outside.s: __compact_unwind+0x18: this call frame information describes 0x1000 bytes of code at 0x10000, outside the text
.globl _f
_f:     ret
        .section __LD,__compact_unwind,regular,debug
        .quad _f
        .long 0x1000, 0x02000000
        .quad 0, 0
