# R_X86_64_PLT32: S + A - P, 4 bytes, a branch (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# covers: R_X86_64_PLT32
# expect main+1: 73 56 33 12 // external - 4 - place
.globl main
main:   call external
