// An entry with a language's data, and without the place.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: compact-no-data.s: __compact_unwind+0x0: an entry of a compact unwind table has data for its language, and does not say where
.globl _f
_f:     ret
        .data
_d:     .quad 0
        .section __LD,__compact_unwind,regular,debug
        .quad _f
        .long 4, 0x42000000
        .quad 0, 0
