// A relocation at another place of an entry.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: compact-other-relocation.s: __compact_unwind+0x8: ARM64_RELOC_UNSIGNED in a compact unwind table
.globl _f
_f:     ret
        .data
_d:     .quad 0
        .section __LD,__compact_unwind,regular,debug
        .quad _f
        .quad _f
        .quad 0, 0
