# R_X86_64_NONE: nothing is written, and the symbol must still be known (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# covers: R_X86_64_NONE
# retype: .text+0x0 = 0 // R_X86_64_NONE
# expect main: 00 00 00 00 // untouched
.globl main
main:   .long external - .
