# R_X86_64_CODE_4_GOTPCRELX: G + GOT + A - P, in an instruction with the prefix REX2 (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x7f0000000000
# covers: R_X86_64_CODE_4_GOTPCRELX
# retype: .text+0x4 = 43 // R_X86_64_CODE_4_GOTPCRELX
# expect main: d5 48 8b 05 f8 0f 00 00 // mov (slot - 4 - place), %r16
# expect 0x11000: 00 00 00 00 00 7f 00 00 // the slot: external
# expect-entries: 0 1
.globl main
main:   .byte 0xd5, 0x48, 0x8b, 0x05
        .long external@GOTPCREL - 4
