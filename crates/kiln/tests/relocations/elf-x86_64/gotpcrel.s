# R_X86_64_GOTPCREL: G + A - P, 4 bytes (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# covers: R_X86_64_GOTPCREL
# expect main: 00 10 00 00 // slot - place
# expect main+4: 0c 10 00 00 // slot + 16 - place
# expect 0x11000: 78 56 34 12 00 00 00 00 // the slot: external
# expect-entries: 0 1
.globl main
main:   .long external@GOTPCREL
        .long external@GOTPCREL + 16
