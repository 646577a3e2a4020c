// A section for the linker, of an unknown name.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: refused-linker-section.s: __LD,__odd: the section is for the linker, and says what is not known here
.globl _main
_main:  ret
        .section __LD,__odd
        .quad 0
