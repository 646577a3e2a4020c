# Relocation type 4660 is not one of Kiln's: a number that nothing has.
# target: x86_64-pc-windows-msvc
# base: 0x10000
# define: external = 0x12345678
# retype: .text+0x0 = 4660
# expect-error: refused-4660.s: .text+0x0: relocation type 4660 of COFF x86-64 is not supported
.globl main
main:   .long external
