# IMAGE_REL_AMD64_REL32_1: S + A - P - 5: 1 byte behind the field (PE Format, "x64 Processors").
# target: x86_64-pc-windows-msvc
# base: 0x10000
# define: external = 0x12345678
# covers: IMAGE_REL_AMD64_REL32_1
# retype: .text+0x3 = 5 // IMAGE_REL_AMD64_REL32_1
# retype: .text+0xb = 5
# expect main+3: 70 56 33 12 // external - 5 - place
# expect main+11: 78 56 33 12 // external + 0x10 - 5 - place
.globl main
main:   lea external(%rip), %rax
        .zero 1
        lea external + 0x10(%rip), %rax
