# R_X86_64_CODE_4_GOTPCRELX, relaxed: `mov` with the prefix REX2 becomes `lea` (psABI B.2).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# retype: .text+0x4 = 43 // R_X86_64_CODE_4_GOTPCRELX
# expect main: d5 48 8d 05 70 56 33 12 // lea (external - 4 - place), %r16
.globl main
main:   .byte 0xd5, 0x48, 0x8b, 0x05
        .long external@GOTPCREL - 4
