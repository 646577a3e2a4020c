# The image in the last 2 GiB of the address space.
# target: x86_64-pc-windows-msvc
# base: 0xffffffff80000000
# define: external = 0xffffffff80001000
# expect main+1: fb 0f 00 00 // external - 4 - place
# expect main+5: 00 00 00 80 ff ff ff ff // main
# expect main+13: 00 10 00 00 // external - base
.globl main
main:   call external
        .quad main
        .rva external
