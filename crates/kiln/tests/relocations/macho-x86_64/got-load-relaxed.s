# X86_64_RELOC_GOT_LOAD, relaxed where the symbol is near; what the image holds needs no slot.
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0x12345678
# expect main: 48 8d 05 71 56 33 12 // lea (external - 4 - place), %rax
# expect main+7: 48 8d 05 f2 ff ff ff // lea main(%rip), %rax
# expect-entries: 0 1
.globl _main
_main:  mov _external@GOTPCREL(%rip), %rax
        mov _main@GOTPCREL(%rip), %rax
