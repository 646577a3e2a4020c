# R_X86_64_DTPOFF32 is a thread-local access (local dynamic; psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# retype: .text+0x0 = 21 // R_X86_64_DTPOFF32
# expect-error: refused-dtpoff32.s: .text+0x0: `external`: R_X86_64_DTPOFF32 is a thread-local access, and thread-local variables are not supported yet
.globl main
main:   .long external - .
