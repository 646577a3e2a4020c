# R_X86_64_SIZE32 (32) is a type that Kiln does not know.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# retype: .text+0x0 = 32 // R_X86_64_SIZE32
# expect-error: refused-unknown.s: .text+0x0: `external`: relocation type 32 of ELF x86-64 is not supported
.globl main
main:   .long external - .
