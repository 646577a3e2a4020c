# Code for a program, which stands low and uses data far away: the instructions go to veneers, which take the whole address.
# target: x86_64-unknown-linux-gnu
# base: 0x400000
# define: far = 0x7f0000001000
# expect main: e9 13 00 00 00 cc cc // jmp to the first veneer
# expect main+7: e9 3c 00 00 00 cc cc cc // jmp to the second one
# expect main+15: bf 00 10 40 00 // text
# expect 0x400018: 48 8d 64 24 80 57 48 bf 00 10 00 00 00 7f 00 00 // lea -128(%rsp), %rsp; push %rdi; movabs $far, %rdi
# expect 0x400028: 48 8b 07 5f 48 8d a4 24 80 00 00 00 // mov (%rdi), %rax; pop %rdi; lea 128(%rsp), %rsp
# expect 0x400034: e9 ce ff ff ff cc cc cc // jmp back
# expect 0x400048: 48 8d 64 24 80 56 48 be 08 10 00 00 00 7f 00 00 // the same with far + 8, and %rsi
# expect 0x400058: 48 83 3e 01 5e 48 8d a4 24 80 00 00 00 e9 a5 ff ff ff // cmpq $1, (%rsi); ...; jmp back
.globl main
main:   mov far(%rip), %rax
        cmpq $1, far+8(%rip)
        mov $text, %edi
        ret
        .section .rodata
text:   .string "text"
