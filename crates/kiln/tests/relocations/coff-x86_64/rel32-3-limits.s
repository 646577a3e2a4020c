# IMAGE_REL_AMD64_REL32_3 as far as it reaches: -2^31 and 2^31 - 1 from behind the instruction.
# target: x86_64-pc-windows-msvc
# base: 0x100000000
# define: last = 0x180000009
# define: first = 0x80000014
# retype: .text+0x3 = 7 // IMAGE_REL_AMD64_REL32_3
# retype: .text+0xd = 7
# expect main+3: ff ff ff 7f // last
# expect main+13: 00 00 00 80 // first
.globl main
main:   lea last(%rip), %rax
        .zero 3
        lea first(%rip), %rax
