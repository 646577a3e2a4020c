// A name without the underscore is one that C cannot write, and not C's name.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// expect-error: undefined symbol `external`, wanted by name-without-underscore.s (in Mach-O, C's `external` is `_external`)
.globl _main
_main:  .quad external
