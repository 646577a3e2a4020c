# X86_64_RELOC_GOT: G + A - P - 4 (<mach-o/x86_64/reloc.h>).
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0x12345678
# covers: X86_64_RELOC_GOT
# expect main+2: fa 0f 00 00 // slot - 4 - place
# expect main+8: f4 0f 00 00 // slot - 4 - place
# expect main+12: f4 0f 00 00 // slot - place
# expect 0x11000: 78 56 34 12 00 00 00 00 // the slot: external
# expect-entries: 0 1
.globl _main
_main:  call *_external@GOTPCREL(%rip)
        push _external@GOTPCREL(%rip)
        .long _external@GOTPCREL + 4
