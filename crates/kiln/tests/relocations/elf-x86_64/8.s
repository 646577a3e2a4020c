# R_X86_64_8: S + A, 1 byte (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12
# covers: R_X86_64_8
# expect main: 12 // external
# expect main+1: 13 // external + 1
.globl main
main:   .byte external
        .byte external + 1
