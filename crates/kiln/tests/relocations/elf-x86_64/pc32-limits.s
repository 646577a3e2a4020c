# R_X86_64_PC32 as far as it reaches: -2^31 and 2^31 - 1 from the place.
# target: x86_64-unknown-linux-gnu
# base: 0x100000000
# define: last = 0x17fffffff
# define: first = 0x80000004
# expect main: ff ff ff 7f // last - place
# expect main+4: 00 00 00 80 // first - place
.globl main
main:   .long last - .
        .long first - .
