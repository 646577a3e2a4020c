# Weak externals are refused, and not taken for undefined symbols.
# target: x86_64-pc-windows-msvc
# base: 0x10000
# define: maybe = 0x12345678
# expect-error: weak.s: `maybe`: weak externals are not supported yet
.globl main
        .weak maybe
main:   .quad maybe
