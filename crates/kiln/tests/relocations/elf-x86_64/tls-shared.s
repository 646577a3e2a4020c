# Accesses of one variable share their slots, and all local-dynamic ones the module's.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect main: 48 8b 05 f9 0f 00 00 48 8b 0d f2 0f 00 00 // slot - 4 - place
# expect main+14: 48 8d 3d f3 0f 00 00 48 8d 3d ec 0f 00 00
# expect 0x11000: f0 ff ff ff ff ff ff ff 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
.globl main
main:   mov x@gottpoff(%rip), %rax
        mov x@gottpoff(%rip), %rcx
        lea x@tlsld(%rip), %rdi
        lea y@tlsld(%rip), %rdi
        .section .tbss,"awT",@nobits
        .balign 8
x:      .zero 8
y:      .zero 8
