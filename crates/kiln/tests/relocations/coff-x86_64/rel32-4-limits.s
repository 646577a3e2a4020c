# IMAGE_REL_AMD64_REL32_4 as far as it reaches: -2^31 and 2^31 - 1 from behind the instruction.
# target: x86_64-pc-windows-msvc
# base: 0x100000000
# define: last = 0x18000000a
# define: first = 0x80000016
# retype: .text+0x3 = 8 // IMAGE_REL_AMD64_REL32_4
# retype: .text+0xe = 8
# expect main+3: ff ff ff 7f // last
# expect main+14: 00 00 00 80 // first
.globl main
main:   lea last(%rip), %rax
        .zero 4
        lea first(%rip), %rax
