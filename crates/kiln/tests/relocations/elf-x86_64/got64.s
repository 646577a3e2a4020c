# R_X86_64_GOT64: G + A, the slot's distance from the beginning of the GOT (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# define: other = 0x7f0000000000
# covers: R_X86_64_GOT64
# expect main: 48 b8 00 00 00 00 00 00 00 00 // first slot
# expect main+10: 48 b8 08 00 00 00 00 00 00 00 // second slot
# expect 0x11000: 78 56 34 12 00 00 00 00 // external
# expect 0x11008: 00 00 00 00 00 7f 00 00 // other
# expect-entries: 0 2
.globl main
main:   movabs $external@GOT, %rax
        movabs $other@GOT, %rax
