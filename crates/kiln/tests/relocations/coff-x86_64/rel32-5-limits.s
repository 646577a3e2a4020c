# IMAGE_REL_AMD64_REL32_5 as far as it reaches: -2^31 and 2^31 - 1 from behind the instruction.
# target: x86_64-pc-windows-msvc
# base: 0x100000000
# define: last = 0x18000000b
# define: first = 0x80000018
# retype: .text+0x3 = 9 // IMAGE_REL_AMD64_REL32_5
# retype: .text+0xf = 9
# expect main+3: ff ff ff 7f // last
# expect main+15: 00 00 00 80 // first
.globl main
main:   lea last(%rip), %rax
        .zero 5
        lea first(%rip), %rax
