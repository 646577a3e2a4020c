# R_X86_64_GOTPLT64 counts from a GOT of the medium or large code model (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# retype: .text+0x0 = 30 // R_X86_64_GOTPLT64
# expect-error: refused-gotplt64.s: .text+0x0: `external`: R_X86_64_GOTPLT64 belongs to the medium or large code model with -fPIC, which is not supported yet
.globl main
main:   .long external - .
