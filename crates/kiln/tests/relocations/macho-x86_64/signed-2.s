# X86_64_RELOC_SIGNED_2: 2 bytes behind the field, which holds -2 + A (<mach-o/x86_64/reloc.h>).
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0x12345678
# covers: X86_64_RELOC_SIGNED_2
# retype: __text+0xc = 0x7d // X86_64_RELOC_SIGNED_2: with an addend, LLVM writes X86_64_RELOC_SIGNED
# expect main+3: 6f 56 33 12 // external - 6 - place
# expect main+12: 56 56 33 12 // external - 0x10 - 6 - place
.globl _main
_main:  movw $1, _external(%rip)
        movw $1, _external - 0x10(%rip)
