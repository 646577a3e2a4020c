// A branch that reaches its target outside goes there; its stub is there, and not used.
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x11000
// expect main: 00 04 00 94 // external - place
// expect-entries: 1 1
.globl main
main:   bl external
