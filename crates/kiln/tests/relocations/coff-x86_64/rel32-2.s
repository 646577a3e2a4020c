# IMAGE_REL_AMD64_REL32_2: S + A - P - 6: 2 bytes behind the field (PE Format, "x64 Processors").
# target: x86_64-pc-windows-msvc
# base: 0x10000
# define: external = 0x12345678
# covers: IMAGE_REL_AMD64_REL32_2
# retype: .text+0x3 = 6 // IMAGE_REL_AMD64_REL32_2
# retype: .text+0xc = 6
# expect main+3: 6f 56 33 12 // external - 6 - place
# expect main+12: 76 56 33 12 // external + 0x10 - 6 - place
.globl main
main:   lea external(%rip), %rax
        .zero 2
        lea external + 0x10(%rip), %rax
