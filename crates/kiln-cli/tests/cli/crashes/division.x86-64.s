.globl _start
_start:
    xor %ecx, %ecx
    cqto
    idivl %ecx
    ret
