# X86_64_RELOC_UNSIGNED: S + A, 4 bytes, the addend in the field (<mach-o/x86_64/reloc.h>).
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0x12345678
# covers: X86_64_RELOC_UNSIGNED
# expect main: 7c 56 34 12 // external + 4
# expect main+4: 74 56 34 12 // external - 4
.globl _main
        .data
_main:  .long _external + 4
        .long _external - 4
