// `.alt_entry` makes a second name within a function: it asks for nothing where functions stay whole.
// target: aarch64-apple-darwin
// base: 0x10000
// expect main: 01 00 00 14 c0 03 5f d6 // b inner
.globl _main, _inner
_main:  b _inner
.alt_entry _inner
_inner: ret
.subsections_via_symbols
