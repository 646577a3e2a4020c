# IMAGE_REL_AMD64_SECREL7, which no compiler asks for.
# target: x86_64-pc-windows-msvc
# base: 0x10000
# define: external = 0x12345678
# retype: .text+0x0 = 12
# expect-error: refused-12.s: .text+0x0: IMAGE_REL_AMD64_SECREL7 is a distance in seven bits, which no compiler asks for
.globl main
main:   .long external
