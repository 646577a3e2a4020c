# R_X86_64_SIZE32: Z + A, also of a symbol of another input (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# covers: R_X86_64_SIZE32
# expect main: b8 05 00 00 00 // the size of main
# expect main+5: b8 33 12 00 00 // 0x1230 + 3
.globl main
        .type main, @function
main:   mov $main@SIZE, %eax
        .size main, 5
        mov $other@SIZE + 3, %eax
# input
.globl other
other:  ret
        .size other, 0x1230
