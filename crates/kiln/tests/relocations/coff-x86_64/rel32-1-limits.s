# IMAGE_REL_AMD64_REL32_1 as far as it reaches: -2^31 and 2^31 - 1 from behind the instruction.
# target: x86_64-pc-windows-msvc
# base: 0x100000000
# define: last = 0x180000007
# define: first = 0x80000010
# retype: .text+0x3 = 5 // IMAGE_REL_AMD64_REL32_1
# retype: .text+0xb = 5
# expect main+3: ff ff ff 7f // last
# expect main+11: 00 00 00 80 // first
.globl main
main:   lea last(%rip), %rax
        .zero 1
        lea first(%rip), %rax
