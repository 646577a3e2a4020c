# Relocation type 12 is not one of Kiln's: IMAGE_REL_AMD64_SECREL7.
# target: x86_64-pc-windows-msvc
# base: 0x10000
# define: external = 0x12345678
# retype: .text+0x0 = 12
# expect-error: refused-12.s: .text+0x0: relocation type 12 of COFF x86-64 is not supported
.globl main
main:   .long external
