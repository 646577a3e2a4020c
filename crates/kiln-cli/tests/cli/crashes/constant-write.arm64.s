.globl _start
.p2align 2
_start:
    adrp x1, number
    str w0, [x1, :lo12:number]
    ret
.section .rodata
.p2align 2
number:
    .long 1
