.globl _start
.p2align 2
_start:
    nop
    udf #0
