# R_X86_64_CODE_4_GOTPC32_TLSDESC: the descriptor, with the prefix REX2 (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# covers: R_X86_64_CODE_4_GOTPC32_TLSDESC
# retype: .text+0x4 = 45 // R_X86_64_CODE_4_GOTPC32_TLSDESC
# expect main: d5 48 8d 05 08 10 00 00 // - 4 - place
# expect 0x11010: 00 00 00 00 00 00 00 00 f8 ff ff ff ff ff ff ff
.globl main
main:   .byte 0xd5, 0x48, 0x8d, 0x05
        .long x@gottpoff - 4
        .section .tdata,"awT",@progbits
        .balign 8
        .quad 5
x:      .quad 6
