# R_X86_64_GOTTPOFF: the slot of the distance, + A - P (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# covers: R_X86_64_GOTTPOFF
# expect main: 48 8b 05 09 10 00 00 // slot - 4 - place
# expect 0x11010: f8 ff ff ff ff ff ff ff // 8 - 16
.globl main
main:   mov x@gottpoff(%rip), %rax
        .section .tdata,"awT",@progbits
        .balign 8
        .quad 5
x:      .quad 6
