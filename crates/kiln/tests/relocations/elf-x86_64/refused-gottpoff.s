# R_X86_64_GOTTPOFF is a thread-local access (initial exec; psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# retype: .text+0x0 = 22 // R_X86_64_GOTTPOFF
# expect-error: refused-gottpoff.s: .text+0x0: `external`: R_X86_64_GOTTPOFF is a thread-local access, and thread-local variables are not supported yet
.globl main
main:   .long external - .
