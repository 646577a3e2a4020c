# R_X86_64_8 as far as it goes, read either way: -2^7 and 2^8 - 1.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: last = 0xff
# define: first = 0xffffffffffffff80
# expect main: ff // last
# expect main+1: 80 // first
.globl main
main:   .byte last
        .byte first
