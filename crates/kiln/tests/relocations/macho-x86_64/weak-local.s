# A weak definition that no other input sees: the branch goes there.
# target: x86_64-apple-darwin
# base: 0x10000
# expect main+1: 00 00 00 00 // weak - 4 - place
.globl _main
_main:  jmp _weak
        .weak_definition _weak
_weak:  ret
# input
        .globl _weak
_weak:  ret
