.globl main
main:
    sub $8, %rsp
    call abort
    add $8, %rsp
    ret
