# R_X86_64_DTPOFF64: S + A in the block, 8 bytes (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# covers: R_X86_64_DTPOFF64
# expect main: 08 00 00 00 00 00 00 00
.globl main
main:   .quad x@dtpoff
        .section .tdata,"awT",@progbits
        .balign 8
        .quad 5
x:      .quad 6
