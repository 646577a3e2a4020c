# Addresses of 64 bits for instructions that have room for 32, and a branch to a function far away that its assembler took for data.
# target: x86_64-unknown-linux-gnu
# base: 0x400000
# define: far = 0x7f0000001000
# define: function = 0x7f0000002000
# retype: .text+0x17 = 2
# expect main: e9 1b 00 00 00 cc // jmp to the first veneer
# expect main+6: e9 45 00 00 00 cc cc // jmp to the second one
# expect main+13: e9 6e 00 00 00 cc cc cc cc // jmp to the third one
# expect main+22: e8 95 00 00 00 // call the fourth one
# expect main+27: b8 00 00 40 00 // mov $main, %eax: the image stands low for this
# expect 0x400020: 49 b9 00 10 00 00 00 7f 00 00 e9 d7 ff ff ff cc // movabs $far, %r9; jmp back
# expect 0x400050: 48 8d 64 24 80 57 48 bf 00 10 00 00 00 7f 00 00 // lea -128(%rsp), %rsp; push %rdi; movabs $far, %rdi
# expect 0x400060: 48 39 fb 5f 48 8d a4 24 80 00 00 00 e9 9c ff ff ff // cmp %rdi, %rbx; pop %rdi; lea 128(%rsp), %rsp; jmp back
# expect 0x400080: 48 8d 64 24 80 57 48 bf 00 10 00 00 00 7f 00 00 // the same
# expect 0x400090: 48 89 bc 24 90 00 00 00 5f // mov %rdi, 8 + 136(%rsp); pop %rdi
# expect 0x4000b0: ff 25 00 00 00 00 00 20 00 00 00 7f 00 00 cc cc // jmp *0(%rip), and function
.globl main
main:   mov $far, %r9d
        cmp $far, %rbx
        movq $far, 8(%rsp)
        call function
        mov $main, %eax
