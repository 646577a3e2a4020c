// A branch that reaches its target outside goes there; its stub is there, and not used.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x11000
// expect main: 00 04 00 94 // external - place
// expect-entries: 1 1
.globl _main
_main:  bl _external
