.globl _start
_start:
    push %rbp
    mov %rsp, %rbp
again:
    push %rax
    jmp again
