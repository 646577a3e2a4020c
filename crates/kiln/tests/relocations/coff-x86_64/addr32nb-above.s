# IMAGE_REL_AMD64_ADDR32NB, one byte too far up.
# target: x86_64-pc-windows-msvc
# base: 0x10000
# define: external = 0x100010000
# expect-error: addr32nb-above.s: .text+0x0: `external`: IMAGE_REL_AMD64_ADDR32NB wants an unsigned 32-bit value, and this one is 0x100000000
.globl main
main:   .rva external
