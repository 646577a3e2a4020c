# R_X86_64_CODE_4_GOTTPOFF: the slot of the distance, with the prefix REX2 (psABI 4.4.1).
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# covers: R_X86_64_CODE_4_GOTTPOFF
# retype: .text+0x4 = 44 // R_X86_64_CODE_4_GOTTPOFF
# expect main: d5 48 8b 05 08 10 00 00 // - 4 - place
# expect 0x11010: f8 ff ff ff ff ff ff ff // 8 - 16
.globl main
main:   .byte 0xd5, 0x48, 0x8b, 0x05
        .long x@gottpoff - 4
        .section .tdata,"awT",@progbits
        .balign 8
        .quad 5
x:      .quad 6
