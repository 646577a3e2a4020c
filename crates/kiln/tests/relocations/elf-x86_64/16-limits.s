# R_X86_64_16 as far as it goes, read either way: -2^15 and 2^16 - 1.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: last = 0xffff
# define: first = 0xffffffffffff8000
# expect main: ff ff // last
# expect main+2: 00 80 // first
.globl main
main:   .short last
        .short first
