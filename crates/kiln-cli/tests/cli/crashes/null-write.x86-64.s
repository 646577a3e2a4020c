.globl _start
_start:
    xor %eax, %eax
    call inner
    ret
inner:
    nop
    movl $1, 8(%rax)
    ret
