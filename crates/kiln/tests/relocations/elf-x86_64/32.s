# R_X86_64_32: S + A, 4 bytes, zero-extended (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# covers: R_X86_64_32
# expect main: b8 7c 56 34 12 // external + 4
.globl main
main:   mov $external + 4, %eax
