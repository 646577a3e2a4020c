.globl main
.p2align 2
main:
    ret
first:
    mov x0, #0
    ldr x0, [x0]
    ret
.section .init_array, "aw", %init_array
.p2align 3
    .quad first
