.globl _start
_start:
    incl number(%rip)
    ret
.section .rodata
number:
    .long 1
