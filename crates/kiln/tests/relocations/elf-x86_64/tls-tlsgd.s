# R_X86_64_TLSGD: the slots of module and place, + A - P (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# covers: R_X86_64_TLSGD
# expect main: 48 8d 3d 09 10 00 00 // slots - 4 - place
# expect 0x11010: 01 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00 // the first module, and x in its block
.globl main
main:   lea x@tlsgd(%rip), %rdi
        .section .tdata,"awT",@progbits
        .balign 8
        .quad 5
x:      .quad 6
