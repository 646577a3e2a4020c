# A symbol that is a number: also a negative one, which R_X86_64_32S extends to the same.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect main+1: 21 43 65 87 // number
# expect main+8: fe ff ff ff // negative
# expect main+12: fe ff ff ff ff ff ff ff
# expect main+20: fe ff
# expect main+22: fe
.globl main
main:   mov $number, %eax
        movq $negative, %rax
        .quad negative
        .short negative
        .byte negative
# input
        .globl number, negative
number = 0x87654321
negative = -2
