# IMAGE_REL_AMD64_REL32_4: S + A - P - 8: 4 bytes behind the field (PE Format, "x64 Processors").
# target: x86_64-pc-windows-msvc
# base: 0x10000
# define: external = 0x12345678
# covers: IMAGE_REL_AMD64_REL32_4
# retype: .text+0x3 = 8 // IMAGE_REL_AMD64_REL32_4
# retype: .text+0xe = 8
# expect main+3: 6d 56 33 12 // external - 8 - place
# expect main+14: 72 56 33 12 // external + 0x10 - 8 - place
.globl main
main:   lea external(%rip), %rax
        .zero 4
        lea external + 0x10(%rip), %rax
