# A call that reaches its target outside goes there; its stub is there, and not used.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x20000
# expect main+1: fb ff 00 00 // external - 4 - place
# expect-entries: 1 1
.globl main
main:   call external
