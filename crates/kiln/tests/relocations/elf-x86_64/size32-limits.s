# R_X86_64_SIZE32 as large as it may be.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect main: b8 ff ff ff ff
.globl main
main:   mov $main@SIZE, %eax
        .size main, 0xffffffff
