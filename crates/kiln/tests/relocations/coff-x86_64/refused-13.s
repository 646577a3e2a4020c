# IMAGE_REL_AMD64_TOKEN (13).
# target: x86_64-pc-windows-msvc
# base: 0x10000
# define: external = 0x12345678
# retype: .text+0x0 = 13
# expect-error: refused-13.s: .text+0x0: IMAGE_REL_AMD64_TOKEN is for the Common Language Runtime
.globl main
main:   .long external
