# What `ld -r` makes of call frame information: every pointer is a difference of two symbols, also how far back the common
# entry is, of which the field alone holds 4.
# target: x86_64-apple-darwin
# base: 0x10000
# expect 0x11000: 14 00 00 00 00 00 00 00 01 7a 52 00 01 78 10 01 10 0c 07 08 90 01 00 00 // the common entry
# expect 0x11018: 1c 00 00 00 1c 00 00 00 e1 ef ff ff ff ff ff ff 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 // 0x1c back; f
.globl _f
        .space 1
_f:     nop
        ret
        .section __TEXT,__eh_frame
        .p2align 3
EH_Frame1:
        .long 0x14, 0
        .byte 1
        .asciz "zR"
        .byte 1, 0x78, 0x10, 1, 0x10, 0x0c, 7, 8, 0x90, 1, 0, 0
func.eh:
        .long 0x1c
        .long func.eh - EH_Frame1 + 4
        .quad _f - func.eh - 8
        .quad 2
        .quad 0
.subsections_via_symbols
