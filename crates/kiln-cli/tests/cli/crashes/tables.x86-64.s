    .file 1 "tables.c"
    .text
    .globl main, outer, inner
inner:
    .cfi_startproc
    .loc 1 3 5
    sub $24, %rsp
    .cfi_def_cfa_offset 32
    .loc 1 4 5
    mov (%rdi), %rax
    add $24, %rsp
    .cfi_def_cfa_offset 8
    ret
    .cfi_endproc
outer:
    .cfi_startproc
    push %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    mov $7, %ebp
    .loc 1 9 5
    call inner
    pop %rbp
    .cfi_def_cfa_offset 8
    ret
    .cfi_endproc
main:
    .cfi_startproc
    sub $40, %rsp
    .cfi_def_cfa_offset 48
    xor %edi, %edi
    .loc 1 14 5
    call outer
    add $40, %rsp
    .cfi_def_cfa_offset 8
    ret
    .cfi_endproc
