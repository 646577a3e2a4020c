# R_X86_64_DTPOFF32: S + A in the block, 4 bytes (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# covers: R_X86_64_DTPOFF32
# expect main: 48 8d 88 08 00 00 00
.globl main
main:   lea x@dtpoff(%rax), %rcx
        .section .tdata,"awT",@progbits
        .balign 8
        .quad 5
x:      .quad 6
