// Nothing outside says where a thread-local variable is, also if it says where the name is.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x12345678
// expect-error: undefined symbol `external`, wanted by tlvp-outside.s (thread-local: an input or another module of Kiln must define it)
.globl _main
_main:  adrp x0, _external@TLVPPAGE
