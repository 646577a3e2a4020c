# IMAGE_REL_AMD64_REL32 as far as it reaches: -2^31 and 2^31 - 1 from behind the instruction.
# target: x86_64-pc-windows-msvc
# base: 0x100000000
# define: last = 0x180000006
# define: first = 0x8000000e
# expect main+3: ff ff ff 7f // last
# expect main+10: 00 00 00 80 // first
.globl main
main:   lea last(%rip), %rax
        .zero 0
        lea first(%rip), %rax
