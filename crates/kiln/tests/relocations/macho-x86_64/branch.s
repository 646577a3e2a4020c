# X86_64_RELOC_BRANCH: S + A - P - 4 (<mach-o/x86_64/reloc.h>).
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0x12345678
# covers: X86_64_RELOC_BRANCH
# expect main+1: 73 56 33 12 // external - 4 - place
# expect main+6: 6e 56 33 12
# expect main+12: 68 56 33 12
.globl _main
_main:  call _external
        jmp _external
        je _external
