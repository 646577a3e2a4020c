# IMAGE_REL_AMD64_REL32_2 as far as it reaches: -2^31 and 2^31 - 1 from behind the instruction.
# target: x86_64-pc-windows-msvc
# base: 0x100000000
# define: last = 0x180000008
# define: first = 0x80000012
# retype: .text+0x3 = 6 // IMAGE_REL_AMD64_REL32_2
# retype: .text+0xc = 6
# expect main+3: ff ff ff 7f // last
# expect main+12: 00 00 00 80 // first
.globl main
main:   lea last(%rip), %rax
        .zero 2
        lea first(%rip), %rax
