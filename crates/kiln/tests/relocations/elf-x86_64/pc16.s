# R_X86_64_PC16: S + A - P, 2 bytes (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x11234
# covers: R_X86_64_PC16
# expect main: 34 12 // external - place
# expect main+2: 32 12 // external - place
.globl main
main:   .short external - .
        .short external - .
