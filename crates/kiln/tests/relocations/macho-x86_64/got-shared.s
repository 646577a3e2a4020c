# Two references to one symbol share a slot, whatever their kind; another symbol has its own.
# target: x86_64-apple-darwin
# base: 0x10000
# define: external = 0x7f0000000000
# define: other = 0x12345678ab
# expect main+3: 01 10 00 00 // second slot - 4 - place: relocations stand backwards in the file
# expect main+9: fb 0f 00 00 // second slot
# expect main+16: ec 0f 00 00 // first slot
# expect 0x11000: ab 78 56 34 12 00 00 00 // other
# expect 0x11008: 00 00 00 00 00 7f 00 00 // external
# expect-entries: 0 2
.globl _main
_main:  mov _external@GOTPCREL(%rip), %rax
        call *_external@GOTPCREL(%rip)
        mov _other@GOTPCREL(%rip), %rax
