# R_X86_64_PLTOFF64: L + A - GOT; every function is in reach, so `L` is the function itself (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x7f0000000000
# covers: R_X86_64_PLTOFF64
# expect main: 48 b8 00 f0 fe ff ff 7e 00 00 // external - 0x11000
# expect main+10: 48 b8 00 f0 ff ff ff ff ff ff // main - 0x11000
# expect-entries: 0 0
.globl main
main:   movabs $external@PLTOFF, %rax
        movabs $main@PLTOFF, %rax
