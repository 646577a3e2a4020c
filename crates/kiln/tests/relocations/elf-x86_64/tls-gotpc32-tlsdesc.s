# R_X86_64_GOTPC32_TLSDESC: the descriptor, + A - P; its function is the system's (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# covers: R_X86_64_GOTPC32_TLSDESC
# expect main: 48 8d 05 09 10 00 00 // descriptor - 4 - place
# expect 0x11010: 00 00 00 00 00 00 00 00 f8 ff ff ff ff ff ff ff
.globl main
main:   lea x@tlsdesc(%rip), %rax
        .section .tdata,"awT",@progbits
        .balign 8
        .quad 5
x:      .quad 6
