# What is no thread-local variable has no distance from the thread pointer.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x1234
# retype: .text+0x0 = 23 // R_X86_64_TPOFF32
# expect-error: tls-of-another.s: .text+0x0: `external`: R_X86_64_TPOFF32 of something that is no thread-local variable
.globl main
main:   .long external
