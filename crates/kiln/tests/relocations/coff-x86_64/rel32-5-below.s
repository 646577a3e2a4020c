# IMAGE_REL_AMD64_REL32_5, one byte too far down.
# target: x86_64-pc-windows-msvc
# base: 0x100000000
# define: external = 0x8000000b
# retype: .text+0x3 = 9 // IMAGE_REL_AMD64_REL32_5
# expect-error: rel32-5-below.s: .text+0x3: `external`: IMAGE_REL_AMD64_REL32_5 at 0x100000003 cannot reach 0x8000000b: the distance is -0x80000001, it takes a signed 32-bit value
.globl main
main:   lea external(%rip), %rax
