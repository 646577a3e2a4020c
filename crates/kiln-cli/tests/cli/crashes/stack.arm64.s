.globl _start
.p2align 2
_start:
    stp x29, x30, [sp, #-16]!
    mov x29, sp
again:
    str x0, [sp, #-16]!
    b again
