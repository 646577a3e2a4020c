.globl _start
.p2align 2
_start:
    adr x0, code
    strb w0, [x0]
code:
    ret
