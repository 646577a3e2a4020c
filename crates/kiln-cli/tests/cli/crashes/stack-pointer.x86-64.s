.globl _start
_start:
    mov $0x123400000000, %rsp
    push %rax
    ret
