.globl _start
_start:
    movabs $0x1234567812345678, %rdx
    mov 8(%rdx), %rax
    ret
