# R_X86_64_GOTPCREL64: G + GOT + A - P (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# covers: R_X86_64_GOTPCREL64
# retype: .text+0x2 = 28 // R_X86_64_GOTPCREL64
# expect main: 48 b8 fe 0f 00 00 00 00 00 00 // slot - place
# expect 0x11000: 78 56 34 12 00 00 00 00 // the slot: external
# expect-entries: 0 1
.globl main
main:   movabs $external@GOT, %rax
