# IMAGE_REL_AMD64_REL32: S + A - P - 4, the addend in the field (PE Format, "x64 Processors").
# target: x86_64-pc-windows-msvc
# base: 0x10000
# define: external = 0x12345678
# covers: IMAGE_REL_AMD64_REL32
# expect main+1: 73 56 33 12 // external - 4 - place
# expect main+8: 7c 56 33 12 // external + 0x10 - 4 - place
# expect main+14: 52 56 33 12 // external - 0x10 - 8 - place: the assembler counts the immediate
# expect main+22: 62 56 33 12 // external - place
.globl main
main:   call external
        lea external + 0x10(%rip), %rax
        movl $1, external - 0x10(%rip)
        .long external - .
