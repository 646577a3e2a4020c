# R_X86_64_32S of an address below the last 2 GiB.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0xffffffff7fffffff
# expect-error: 32s-below.s: .text+0x3: `external`: R_X86_64_32S wants a signed 32-bit value, and this one is -0x80000001
.globl main
main:   imul $external, %rax, %rax
