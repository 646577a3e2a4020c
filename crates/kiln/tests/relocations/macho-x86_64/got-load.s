# X86_64_RELOC_GOT_LOAD: G - P - 4, where the symbol is too far for the instruction to be relaxed (<mach-o/x86_64/reloc.h>).
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0x7f0000000000
# covers: X86_64_RELOC_GOT_LOAD
# expect main: 48 8b 05 f9 0f 00 00 // mov (slot - 4 - place), %rax
# expect 0x11000: 00 00 00 00 00 7f 00 00 // the slot: external
# expect-entries: 0 1
.globl _main
_main:  mov _external@GOTPCREL(%rip), %rax
