# R_X86_64_SIZE32, too large: the field is unsigned.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect-error: size32-above.s: .text+0x1: `main`: R_X86_64_SIZE32 wants an unsigned 32-bit value, and this one is 0x100000000
.globl main
main:   mov $main@SIZE, %eax
        .size main, 0x100000000
