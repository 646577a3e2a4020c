# R_X86_64_TPOFF64: S + A - TP, 8 bytes (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# covers: R_X86_64_TPOFF64
# expect main: f8 ff ff ff ff ff ff ff
.globl main
main:   .quad x@tpoff
        .section .tdata,"awT",@progbits
        .balign 8
        .quad 5
x:      .quad 6
