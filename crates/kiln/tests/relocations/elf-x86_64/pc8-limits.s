# R_X86_64_PC8 as far as it reaches: -2^7 and 2^7 - 1 from the place.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: last = 0x1007f
# define: first = 0xff81
# expect main: 7f // last - place
# expect main+1: 80 // first - place
.globl main
main:   .byte last - .
        .byte first - .
