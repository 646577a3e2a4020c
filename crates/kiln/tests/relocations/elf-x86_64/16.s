# R_X86_64_16: S + A, 2 bytes (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x1234
# covers: R_X86_64_16
# expect main: 34 12 // external
.globl main
main:   .short external
