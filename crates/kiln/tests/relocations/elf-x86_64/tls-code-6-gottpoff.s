# R_X86_64_CODE_6_GOTTPOFF: the slot of the distance, with the prefix EVEX (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# covers: R_X86_64_CODE_6_GOTTPOFF
# retype: .text+0x6 = 50 // R_X86_64_CODE_6_GOTTPOFF
# expect main: 62 f4 7c 18 03 05 06 10 00 00 // - 4 - place
# expect 0x11010: f8 ff ff ff ff ff ff ff // 8 - 16
.globl main
main:   .byte 0x62, 0xf4, 0x7c, 0x18, 0x03, 0x05
        .long x@gottpoff - 4
        .section .tdata,"awT",@progbits
        .balign 8
        .quad 5
x:      .quad 6
