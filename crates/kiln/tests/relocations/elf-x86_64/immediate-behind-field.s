# R_X86_64_PC32 with an immediate behind the field: the addend counts it.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# expect main+2: 6e 56 33 12 // external - 8 - place
# expect main+12: 67 56 33 12 // external - 5 - place
.globl main
main:   movl $1, external(%rip)
        movb $1, external(%rip)
