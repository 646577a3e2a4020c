# IMAGE_REL_AMD64_REL32_3: S + A - P - 7: 3 bytes behind the field (PE Format, "x64 Processors").
# target: x86_64-pc-windows-msvc
# base: 0x10000
# define: external = 0x12345678
# covers: IMAGE_REL_AMD64_REL32_3
# retype: .text+0x3 = 7 // IMAGE_REL_AMD64_REL32_3
# retype: .text+0xd = 7
# expect main+3: 6e 56 33 12 // external - 7 - place
# expect main+13: 74 56 33 12 // external + 0x10 - 7 - place
.globl main
main:   lea external(%rip), %rax
        .zero 3
        lea external + 0x10(%rip), %rax
