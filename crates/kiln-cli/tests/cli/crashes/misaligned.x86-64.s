.globl _start
_start:
    call inner
    ret
# The caller has forgotten that the call pushes eight bytes.
inner:
    sub $24, %rsp
    nop
    sub $8, %rsp
    movaps %xmm0, 8(%rsp)
    add $32, %rsp
    ret
