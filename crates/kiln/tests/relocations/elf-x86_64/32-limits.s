# R_X86_64_32 as far as it goes: 0 and 2^32 - 1.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: last = 0xffffffff
# expect main: ff ff ff ff // last
# expect main+4: 00 00 00 00 // 0
.globl main
main:   .long last
        .long last - 0xffffffff
