# R_X86_64_COPY (5) is for dynamic linkers; no object has it.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# retype: .text+0x0 = 5 // R_X86_64_COPY
# expect-error: refused-unknown.s: .text+0x0: `external`: relocation type 5 of ELF x86-64 is not supported
.globl main
main:   .long external - .
