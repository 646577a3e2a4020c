# R_X86_64_64: S + A, 8 bytes (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# define: high = 0xffff800000001000
# covers: R_X86_64_64
# expect main: 80 56 34 12 00 00 00 00 // external + 8
# expect main+8: 70 56 34 12 00 00 00 00 // external - 8
# expect main+16: 00 10 00 00 00 80 ff ff // high
.globl main
        .data
main:
        .quad external + 8
        .quad external - 8
        .quad high
