# R_X86_64_GOTOFF64: S + A - GOT (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# covers: R_X86_64_GOTOFF64
# expect main: 48 b8 78 46 33 12 00 00 00 00 // external - 0x11000
# expect main+10: 48 b8 08 f0 ff ff ff ff ff ff // main + 8 - 0x11000
.globl main
main:   movabs $external@GOTOFF, %rax
        movabs $main@GOTOFF + 8, %rax
