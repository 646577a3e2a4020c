# A field that ends behind its section.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# retype: .text+0x0 = 1 // R_X86_64_64
# expect-error: outside-section.s: .text+0x0: `external`: R_X86_64_64 lies outside its section
.globl main
main:   .long external - .
