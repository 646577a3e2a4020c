# R_X86_64_PC16 as far as it reaches: -2^15 and 2^15 - 1 from the place.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: last = 0x17fff
# define: first = 0x8002
# expect main: ff 7f // last - place
# expect main+2: 00 80 // first - place
.globl main
main:   .short last - .
        .short first - .
