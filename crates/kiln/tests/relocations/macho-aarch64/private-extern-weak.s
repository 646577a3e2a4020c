// A weak definition that is private to the image counts if no other does, and once.
// target: aarch64-apple-darwin
// base: 0x10000
// expect main: 02 00 00 14 c0 03 5f d6 // b f, the first
// expect second: ff ff ff 17 // b f, the first
.globl _main
_main:  b _f
        ret
.private_extern _f
.weak_definition _f
_f:     ret
.subsections_via_symbols
// input
.globl _second
_second: b _f
.private_extern _f
.weak_definition _f
_f:     ret
.subsections_via_symbols
