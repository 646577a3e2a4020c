# R_X86_64_CODE_6_GOTPCRELX: G + GOT + A - P, in an instruction with the prefix EVEX (psABI 4.4.1); the slot is kept, however near the symbol.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# covers: R_X86_64_CODE_6_GOTPCRELX
# retype: .text+0x6 = 49 // R_X86_64_CODE_6_GOTPCRELX
# expect main: 62 f4 fc 18 03 05 f6 0f 00 00 // slot - 4 - place
# expect 0x11000: 78 56 34 12 00 00 00 00 // the slot: external
# expect-entries: 0 1
.globl main
main:   .byte 0x62, 0xf4, 0xfc, 0x18, 0x03, 0x05
        .long external@GOTPCREL - 4
