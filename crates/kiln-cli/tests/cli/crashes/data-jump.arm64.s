.globl _start
.p2align 2
_start:
    adrp x0, table
    add x0, x0, :lo12:table
    br x0
.data
.p2align 2
table:
    ret
