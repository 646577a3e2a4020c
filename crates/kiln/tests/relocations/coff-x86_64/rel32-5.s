# IMAGE_REL_AMD64_REL32_5: S + A - P - 9: 5 bytes behind the field (PE Format, "x64 Processors").
# target: x86_64-pc-windows-msvc
# base: 0x10000
# define: external = 0x12345678
# covers: IMAGE_REL_AMD64_REL32_5
# retype: .text+0x3 = 9 // IMAGE_REL_AMD64_REL32_5
# retype: .text+0xf = 9
# expect main+3: 6c 56 33 12 // external - 9 - place
# expect main+15: 70 56 33 12 // external + 0x10 - 9 - place
.globl main
main:   lea external(%rip), %rax
        .zero 5
        lea external + 0x10(%rip), %rax
