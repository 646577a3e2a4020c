# R_X86_64_GOTPC32: GOT + A - P (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# covers: R_X86_64_GOTPC32
# expect main: 48 8d 05 f9 0f 00 00 // lea 0x11000(%rip), %rax
.globl main
main:   lea _GLOBAL_OFFSET_TABLE_(%rip), %rax
