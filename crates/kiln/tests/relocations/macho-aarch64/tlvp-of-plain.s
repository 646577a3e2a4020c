// An access as of a thread-local variable to something that is none.
// target: aarch64-apple-darwin
// base: 0x10000
// expect-error: tlvp-of-plain.s: __text+0x0: `main`: ARM64_RELOC_TLVP_LOAD_PAGE21 of something that is no thread-local variable
.globl _main
_main:  adrp x0, _main@TLVPPAGE
