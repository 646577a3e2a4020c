# R_X86_64_PLT32 that just reaches goes to the symbol; one byte further, to its stub.
# target: x86_64-unknown-linux-gnu
# base: 0x100000000
# define: last = 0x180000004
# define: beyond = 0x18000000a
# define: first = 0x8000000f
# define: before = 0x80000013
# expect main+1: ff ff ff 7f // last - 4 - place
# expect main+6: 16 00 00 00 // stub of beyond - 4 - place
# expect main+11: 00 00 00 80 // first - 4 - place
# expect main+16: 1c 00 00 00 // stub of before - 4 - place
# expect-entries: 4 4
.globl main
main:   call last
        call beyond
        call first
        call before
