.globl _start
.p2align 2
_start:
    nop
    brk #1
    ret
