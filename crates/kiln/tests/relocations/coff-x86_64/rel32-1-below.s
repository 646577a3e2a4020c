# IMAGE_REL_AMD64_REL32_1, one byte too far down.
# target: x86_64-pc-windows-msvc
# base: 0x100000000
# define: external = 0x80000007
# retype: .text+0x3 = 5 // IMAGE_REL_AMD64_REL32_1
# expect-error: rel32-1-below.s: .text+0x3: `external`: IMAGE_REL_AMD64_REL32_1 at 0x100000003 cannot reach 0x80000007: the distance is -0x80000001, it takes a signed 32-bit value
.globl main
main:   lea external(%rip), %rax
