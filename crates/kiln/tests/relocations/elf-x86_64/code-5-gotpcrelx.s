# R_X86_64_CODE_5_GOTPCRELX: G + GOT + A - P, five bytes into an instruction (psABI 4.4.1); the slot is kept, however near the symbol.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# covers: R_X86_64_CODE_5_GOTPCRELX
# retype: .text+0x5 = 46 // R_X86_64_CODE_5_GOTPCRELX
# expect main: 62 f4 7c 8b 05 f7 0f 00 00 // slot - 4 - place
# expect 0x11000: 78 56 34 12 00 00 00 00 // the slot: external
# expect-entries: 0 1
.globl main
main:   .byte 0x62, 0xf4, 0x7c, 0x8b, 0x05
        .long external@GOTPCREL - 4
