.globl _start
_start:
    nop
    ud2
