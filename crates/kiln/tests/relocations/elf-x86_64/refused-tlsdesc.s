# R_X86_64_TLSDESC is made by linkers.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: x = 0x1234
# retype: .text+0x0 = 36 // R_X86_64_TLSDESC
# expect-error: refused-tlsdesc.s: .text+0x0: `x`: R_X86_64_TLSDESC is what linkers make, and no compiler
.globl main
main:   .quad x
