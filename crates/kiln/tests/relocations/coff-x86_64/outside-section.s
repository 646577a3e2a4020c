# A field that ends behind its section.
# target: x86_64-pc-windows-msvc
# base: 0x10000
# define: external = 0x12345678
# retype: .text+0x0 = 1 // IMAGE_REL_AMD64_ADDR64
# expect-error: outside-section.s: .text+0x0: IMAGE_REL_AMD64_ADDR64 lies outside its section
.globl main
main:   .long external
