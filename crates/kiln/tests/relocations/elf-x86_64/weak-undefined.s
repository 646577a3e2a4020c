# A weak symbol that is defined nowhere is 0, in its slot too.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect main: 00 00 00 00 00 00 00 00 // 0
# expect main+8: 08 00 00 00 00 00 00 00 // 0 + 8
# expect main+19: e9 ff fe ff // lea 0: it reaches
# expect main+24: e4 ff fe ff // 0 - 4 - place: it reaches
# expect 0x11000: 00 00 00 00 00 00 00 00 // the slot: 0
.globl main
        .weak maybe
main:   .quad maybe
        .quad maybe + 8
        mov maybe@GOTPCREL(%rip), %rax
        call maybe
