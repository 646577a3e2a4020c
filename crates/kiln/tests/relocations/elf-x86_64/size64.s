# R_X86_64_SIZE64: Z + A (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# covers: R_X86_64_SIZE64
# expect main: 48 b8 fe ff ff ff 01 00 00 00 // 0x200000000 - 2
.globl main
main:   movabs $main@SIZE - 2, %rax
        .size main, 0x200000000
