# R_X86_64_32S as far as it goes: -2^31 and 2^31 - 1.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: last = 0x7fffffff
# define: first = 0xffffffff80000000
# expect main+3: ff ff ff 7f // last
# expect main+10: 00 00 00 80 // first
.globl main
main:   movq $last, %rax
        movq $first, %rax
