# A weak external means the symbol that stands for it, unless there is another definition (*PE Format*, "Weak Externals").
# target: x86_64-pc-windows-msvc
# base: 0x10000
# define: outside = 0x12345678
# expect main: 00 00 00 00 00 00 00 00 // defined nowhere
# expect main+8: 28 00 01 00 00 00 00 00 // there is a definition
# expect main+16: 24 00 01 00 00 00 00 00 // there is none
# expect main+24: 78 56 34 12 00 00 00 00 // there is one outside
.globl main
        .weak maybe, strong, alone, outside
main:   .quad maybe
        .quad strong
        .quad alone
        .quad outside
        .long 0
        .weak alone
alone:  .long 1
# input
.globl strong
strong: .long 2
