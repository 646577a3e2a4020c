# X86_64_RELOC_SIGNED: S + A - P - 4 (<mach-o/x86_64/reloc.h>).
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0x12345678
# covers: X86_64_RELOC_SIGNED
# expect main+3: 71 56 33 12 // external - 4 - place
# expect main+10: 7a 56 33 12 // external + 0x10 - 4 - place
# expect main+17: 53 56 33 12 // external - 0x10 - 4 - place
.globl _main
_main:  lea _external(%rip), %rax
        lea _external + 0x10(%rip), %rax
        lea _external - 0x10(%rip), %rax
