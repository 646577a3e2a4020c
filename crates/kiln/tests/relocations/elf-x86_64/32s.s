# R_X86_64_32S: S + A, 4 bytes, sign-extended (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# covers: R_X86_64_32S
# expect main+3: 74 56 34 12 // external - 4
.globl main
main:   movl external - 4(, %rax), %eax
