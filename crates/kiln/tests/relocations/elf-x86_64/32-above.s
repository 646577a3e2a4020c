# R_X86_64_32 of an address over 32 bits.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x100000000
# expect-error: 32-above.s: .text+0x2: `external`: R_X86_64_32 wants an unsigned 32-bit value, and this one is 0x100000000
.globl main
main:   movl $external, (%rax)
