# IMAGE_REL_AMD64_ADDR32, one too few.
# target: x86_64-pc-windows-msvc
# base: 0x10000
# define: external = 0xffffffff7fffffff
# expect-error: addr32-below.s: .text+0x0: `external`: IMAGE_REL_AMD64_ADDR32 wants a 32-bit value, and this one is -0x80000001
.globl main
main:   .long external
