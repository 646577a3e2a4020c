# R_X86_64_CODE_5_GOTPC32_TLSDESC: the descriptor, five bytes into an instruction (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# covers: R_X86_64_CODE_5_GOTPC32_TLSDESC
# retype: .text+0x5 = 48 // R_X86_64_CODE_5_GOTPC32_TLSDESC
# expect main: 62 f4 7c 08 05 07 10 00 00 // - 4 - place
# expect 0x11010: 00 00 00 00 00 00 00 00 f8 ff ff ff ff ff ff ff
.globl main
main:   .byte 0x62, 0xf4, 0x7c, 0x08, 0x05
        .long x@gottpoff - 4
        .section .tdata,"awT",@progbits
        .balign 8
        .quad 5
x:      .quad 6
