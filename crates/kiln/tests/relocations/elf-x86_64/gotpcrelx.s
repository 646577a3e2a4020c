# R_X86_64_GOTPCRELX: G + GOT + A - P, where the symbol is too far for the instruction to be relaxed (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x7f0000000000
# covers: R_X86_64_GOTPCRELX
# expect main: ff 15 fa 0f 00 00 // call *(slot - 4 - place)
# expect 0x11000: 00 00 00 00 00 7f 00 00 // the slot: external
# expect-entries: 0 1
.globl main
main:   call *external@GOTPCREL(%rip)
