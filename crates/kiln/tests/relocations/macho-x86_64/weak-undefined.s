# A weak reference to what is defined nowhere is 0, in its slot too.
# target: x86_64-apple-darwin
# base: 0x10000
# expect main: 00 00 00 00 00 00 00 00 // 0
# expect main+8: 08 00 00 00 00 00 00 00 // 0 + 8
# expect main+19: e9 ff fe ff // lea 0: it reaches
# expect 0x11000: 00 00 00 00 00 00 00 00 // the slot: 0
.globl _main
        .weak_reference _maybe
_main:  .quad _maybe
        .quad _maybe + 8
        mov _maybe@GOTPCREL(%rip), %rax
