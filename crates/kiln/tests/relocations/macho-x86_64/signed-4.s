# X86_64_RELOC_SIGNED_4: 4 bytes behind the field, which holds -4 + A (<mach-o/x86_64/reloc.h>).
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0x12345678
# covers: X86_64_RELOC_SIGNED_4
# retype: __text+0xc = 0x8d // X86_64_RELOC_SIGNED_4: with an addend, LLVM writes X86_64_RELOC_SIGNED
# expect main+2: 6e 56 33 12 // external - 8 - place
# expect main+12: 68 56 33 12 // external + 4 - 8 - place
.globl _main
_main:  movl $1, _external(%rip)
        movl $1, _external + 4(%rip)
