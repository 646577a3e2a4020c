# R_X86_64_GOT32: G + A, the slot's distance from the beginning of the GOT (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# define: other = 0x7f0000000000
# covers: R_X86_64_GOT32
# expect main: 00 00 00 00 09 00 00 00 // first slot, second slot + 1
# expect-entries: 0 2
.globl main
main:   .long external@GOT
        .long other@GOT + 1
