.globl _start
.p2align 2
_start:
    mov x0, #0x123400000000
    mov sp, x0
    str x0, [sp, #-16]!
    ret
