.globl _start
.p2align 2
_start:
    stp x29, x30, [sp, #-16]!
    mov x29, sp
    mov x0, #0
    bl inner
    ldp x29, x30, [sp], #16
    ret
inner:
    nop
    str w0, [x0, #8]
    ret
