// Branches over 128 MiB within what is loaded go through islands of stubs, there and back.
// expect: far and back
        .globl _main
        .p2align 2
_main:  stp x29, x30, [sp, #-16]!
        mov x29, sp
        bl _far
        mov w0, #0
        ldp x29, x30, [sp], #16
        ret
        .globl _near
_near:  adrp x0, Ltext@PAGE
        add x0, x0, Ltext@PAGEOFF
        b _puts
        .section __TEXT,__cstring,cstring_literals
Ltext:  .asciz "far and back"
        .section __TEXT,__between1,regular,pure_instructions
        .zero 0x4000000
        .section __TEXT,__between2,regular,pure_instructions
        .zero 0x4000000
        .section __TEXT,__between3,regular,pure_instructions
        .zero 0x4000000
        .section __TEXT,__far,regular,pure_instructions
        .p2align 2
_far:   b _near
