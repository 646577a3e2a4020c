# IMAGE_REL_AMD64_ADDR32: S + A, 4 bytes, the addend in the field (PE Format, "x64 Processors").
# target: x86_64-pc-windows-msvc
# base: 0x10000
# define: external = 0x12345678
# covers: IMAGE_REL_AMD64_ADDR32
# expect main+3: 7c 56 34 12 // external + 4
# expect main+7: 74 56 34 12 // external - 4
.globl main
main:   mov external + 4(, %rax), %eax
        .long external - 4
