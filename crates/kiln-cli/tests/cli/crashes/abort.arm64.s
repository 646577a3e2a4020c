.globl main
.p2align 2
main:
    stp x29, x30, [sp, #-16]!
    mov x29, sp
    bl abort
    ldp x29, x30, [sp], #16
    ret
