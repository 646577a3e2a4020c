# R_X86_64_TPOFF32: S + A - TP, 4 bytes; the block ends where the thread pointer points to (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# covers: R_X86_64_TPOFF32
# expect main: 64 8b 04 25 f8 ff ff ff // 8 - 16
# expect 0x11000: 05 00 00 00 00 00 00 00 06 00 00 00 00 00 00 00 // the initial image
.globl main
main:   mov %fs:x@tpoff, %eax
        .section .tdata,"awT",@progbits
        .balign 8
        .quad 5
x:      .quad 6
