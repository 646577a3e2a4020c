// ARM64_RELOC_BRANCH26 on an instruction that holds a number already: linkers do not agree on what it means.
// target: aarch64-apple-darwin
// base: 0x10000
// define: external = 0x10000
// retype: __text+0x0 = 0x2d // ARM64_RELOC_BRANCH26
// expect-error: embedded-branch26.s: __text+0x0: ARM64_RELOC_BRANCH26 with an addend in the instruction
.globl _main
_main:  .long _external + 0x94000001
