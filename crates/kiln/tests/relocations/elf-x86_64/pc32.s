# R_X86_64_PC32: S + A - P, 4 bytes (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# covers: R_X86_64_PC32
# expect main+3: 71 56 33 12 // external - 4 - place
.globl main
main:   lea external(%rip), %rax
