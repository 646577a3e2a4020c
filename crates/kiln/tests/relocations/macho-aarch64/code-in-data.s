// Nothing but code, in a segment that is never executable.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: code-in-data.s: __DATA,__code: the section holds nothing but code, and stands in a segment for data, which is never executable
.globl _main
_main:  ret
        .section __DATA,__code,regular,pure_instructions
        ret
