# A weak symbol that is defined outside is that.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: maybe = 0x12345678
# expect main: 78 56 34 12 00 00 00 00 // maybe
.globl main
        .weak maybe
main:   .quad maybe
