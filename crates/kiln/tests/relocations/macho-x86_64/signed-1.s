# X86_64_RELOC_SIGNED_1: 1 byte behind the field, which holds -1 + A (<mach-o/x86_64/reloc.h>).
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0x12345678
# covers: X86_64_RELOC_SIGNED_1
# retype: __text+0x9 = 0x6d // X86_64_RELOC_SIGNED_1: with an addend, LLVM writes X86_64_RELOC_SIGNED
# expect main+2: 71 56 33 12 // external - 5 - place
# expect main+9: 7a 56 33 12 // external + 0x10 - 5 - place
.globl _main
_main:  movb $1, _external(%rip)
        movb $1, _external + 0x10(%rip)
