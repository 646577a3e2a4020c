# R_X86_64_PC8: S + A - P, 1 byte (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0xffe0
# covers: R_X86_64_PC8
# expect main: e0 // external - place
# expect main+1: df // external - place
.globl main
main:   .byte external - .
        .byte external - .
