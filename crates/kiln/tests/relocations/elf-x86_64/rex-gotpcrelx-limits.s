# R_X86_64_REX_GOTPCRELX as far as it reaches: -2^31 and 2^31 - 1 from the place.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# retype: .text+0x0 = 42 // R_X86_64_REX_GOTPCRELX
# retype: .text+0x4 = 42 // R_X86_64_REX_GOTPCRELX
# expect main: ff ff ff 7f // slot + 0x7fffefff - place
# expect main+4: 00 00 00 80 // slot - 0x80000ffc - place
.globl main
main:   .long external@GOTPCREL + 0x7fffefff
        .long external@GOTPCREL - 0x80000ffc
