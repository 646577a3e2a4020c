# R_X86_64_TLSGD is a thread-local access (general dynamic; psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# retype: .text+0x0 = 19 // R_X86_64_TLSGD
# expect-error: refused-tlsgd.s: .text+0x0: `external`: R_X86_64_TLSGD is a thread-local access, and thread-local variables are not supported yet
.globl main
main:   .long external - .
