# Relocation type 11 is not one of Kiln's: IMAGE_REL_AMD64_SECREL, thread-local variables use it.
# target: x86_64-pc-windows-msvc
# base: 0x10000
# define: external = 0x12345678
# expect-error: refused-11.s: .text+0x0: relocation type 11 of COFF x86-64 is not supported
.globl main
main:   .secrel32 external
