    .file 1 "tables.c"
    .text
    .globl main, outer, inner
    .p2align 2
inner:
    .cfi_startproc
    .loc 1 3 5
    sub sp, sp, #32
    .cfi_def_cfa_offset 32
    .loc 1 4 5
    ldr x0, [x0]
    add sp, sp, #32
    .cfi_def_cfa_offset 0
    ret
    .cfi_endproc
outer:
    .cfi_startproc
    str x30, [sp, #-16]!
    .cfi_def_cfa_offset 16
    .cfi_offset x30, -16
    .loc 1 9 5
    bl inner
    ldr x30, [sp], #16
    .cfi_restore x30
    .cfi_def_cfa_offset 0
    ret
    .cfi_endproc
main:
    .cfi_startproc
    str x30, [sp, #-32]!
    .cfi_def_cfa_offset 32
    .cfi_offset x30, -32
    mov x0, #0
    .loc 1 14 5
    bl outer
    ldr x30, [sp], #32
    .cfi_restore x30
    .cfi_def_cfa_offset 0
    ret
    .cfi_endproc
