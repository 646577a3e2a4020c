# R_X86_64_TLSDESC_CALL: marks the call of a descriptor; nothing is written (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# covers: R_X86_64_TLSDESC_CALL
# expect main: ff 10
.globl main
main:   call *x@tlscall(%rax)
        .section .tdata,"awT",@progbits
        .balign 8
        .quad 5
x:      .quad 6
