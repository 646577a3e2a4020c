# A subtrahend, and nothing behind it.
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0x12345678
# retype: __data+0x0 = 0x5e // X86_64_RELOC_SUBTRACTOR
# expect-error: pair-cut-off.s: __data: a part of a relocation, and no relocation behind it
.globl _main
        .data
_main:  .quad _external
        .quad _external
