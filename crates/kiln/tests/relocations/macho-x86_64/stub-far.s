# A call out of reach goes through a stub, `jmp *slot`, which two calls and the GOT share.
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0x7f0000000000
# expect main+1: 13 00 00 00 // stub - 4 - place
# expect main+6: 0e 00 00 00 // stub - 4 - place
# expect main+13: ef 0f 00 00 // slot - 4 - place
# expect 0x10018: ff 25 e2 0f 00 00 cc cc // jmp *slot
# expect 0x11000: 00 00 00 00 00 7f 00 00 // external
# expect-entries: 1 1
.globl _main
_main:  call _external
        jmp _external
        mov _external@GOTPCREL(%rip), %rax
