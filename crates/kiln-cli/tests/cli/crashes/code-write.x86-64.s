.globl _start
_start:
    lea code(%rip), %rax
    movb $0, (%rax)
code:
    ret
