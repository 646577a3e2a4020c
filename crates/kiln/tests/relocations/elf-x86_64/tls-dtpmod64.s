# R_X86_64_DTPMOD64: the number of the module, which is 1 for a program (ELF Handling For Thread-Local Storage, 4.4.6).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# covers: R_X86_64_DTPMOD64
# retype: .text+0x0 = 16 // R_X86_64_DTPMOD64
# expect main: 01 00 00 00 00 00 00 00
.globl main
main:   .quad x@tpoff
        .section .tdata,"awT",@progbits
        .balign 8
        .quad 5
x:      .quad 6
