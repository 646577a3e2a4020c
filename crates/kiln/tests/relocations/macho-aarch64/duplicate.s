// Two strong definitions.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: duplicate.s#2: `main`: is defined in duplicate.s too
.globl _main
_main:  ret
// input
        .globl _main
_main:  nop
