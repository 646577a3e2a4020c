// A subtrahend of a branch.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x10000
// retype: __text+0x0 = 0x2d // ARM64_RELOC_BRANCH26, behind its ARM64_RELOC_SUBTRACTOR
// expect-error: pair-subtrahend-branch.s: __text+0x0: ARM64_RELOC_BRANCH26 with a subtrahend
.globl _main
_main:  .long _external - _main
