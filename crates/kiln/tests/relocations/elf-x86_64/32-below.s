# R_X86_64_32 of a negative value, which would be extended to another one.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x1
# expect-error: 32-below.s: .text+0x2: `external`: R_X86_64_32 wants an unsigned 32-bit value, and this one is -0x1
.globl main
main:   movl $external - 2, (%rax)
