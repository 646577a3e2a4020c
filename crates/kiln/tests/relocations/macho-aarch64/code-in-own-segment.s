// Code in a segment of another name: it is executable, by what the section says.
// target: aarch64-apple-darwin
// base: 0x10000
// expect main: 01 00 00 94 // far - place
// expect main+4: c0 03 5f d6
// expect-entries: 0 0
.globl _main
_main:  bl _far
        .section __OTHER,__code,regular,pure_instructions
_far:   ret
