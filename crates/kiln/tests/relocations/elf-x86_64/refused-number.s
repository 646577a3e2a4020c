# A type number that no document has.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# retype: .text+0x0 = 0x12345
# expect-error: refused-number.s: .text+0x0: `external`: relocation type 74565 of ELF x86-64 is not supported
.globl main
main:   .long external - .
