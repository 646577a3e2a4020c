# R_X86_64_COPY (5) is for dynamic linkers; no object has it.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# retype: .text+0x0 = 5 // R_X86_64_COPY
# expect-error: refused-unknown.s: .text+0x0: `external`: R_X86_64_COPY is what linkers make, and no compiler
.globl main
main:   .long external - .
