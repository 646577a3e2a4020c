.globl _start
_start:
    mov $1, %edx
    mov $1, %ecx
    divl %ecx
    ret
