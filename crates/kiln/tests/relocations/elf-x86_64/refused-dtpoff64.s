# R_X86_64_DTPOFF64 is a thread-local access (local dynamic; psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# retype: .text+0x0 = 17 // R_X86_64_DTPOFF64
# expect-error: refused-dtpoff64.s: .text+0x0: `external`: R_X86_64_DTPOFF64 is a thread-local access, and thread-local variables are not supported yet
.globl main
main:   .long external - .
