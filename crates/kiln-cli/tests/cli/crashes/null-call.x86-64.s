.globl _start
_start:
    xor %eax, %eax
    sub $8, %rsp
    call *%rax
    add $8, %rsp
    ret
