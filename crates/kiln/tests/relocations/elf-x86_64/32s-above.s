# R_X86_64_32S of an address over 31 bits, which would be extended to a negative one.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x80000000
# expect-error: 32s-above.s: .text+0x3: `external`: R_X86_64_32S wants a signed 32-bit value, and this one is 0x80000000
.globl main
main:   imul $external, %rax, %rax
