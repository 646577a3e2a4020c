# A subtrahend of a branch.
# target: x86_64-apple-darwin
# base: 0x10000
# retype: __text+0x0 = 0x2d // X86_64_RELOC_BRANCH, behind its X86_64_RELOC_SUBTRACTOR
# expect-error: pair-branch.s: __text+0x0: X86_64_RELOC_BRANCH with a subtrahend
.globl _main
_main:  .long _other - _main
        .data
        .globl _other
_other: .long 0
