# Relocation type 13 is not one of Kiln's: IMAGE_REL_AMD64_TOKEN.
# target: x86_64-pc-windows-msvc
# base: 0x10000
# define: external = 0x12345678
# retype: .text+0x0 = 13
# expect-error: refused-13.s: .text+0x0: relocation type 13 of COFF x86-64 is not supported
.globl main
main:   .long external
