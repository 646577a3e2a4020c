# A call in the image needs no stub.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect main+1: 00 00 00 00 // there - 4 - place
# expect-entries: 0 0
.globl main
main:   call there
        .section .text.there, "ax", @progbits
there:  ret
