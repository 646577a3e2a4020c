.globl _start
_start:
    nop
    int3
    ret
