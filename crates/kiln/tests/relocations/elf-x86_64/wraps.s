# Distances count modulo 2^64, as the machine does: from the first addresses back to the last.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: last = 0xfffffffffffff000
# expect main+3: f9 ef fe ff // last - 4 - place
.globl main
main:   lea last(%rip), %rax
