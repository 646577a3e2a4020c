# X86_64_RELOC_TLV: G - P with the slot G that holds the descriptor's address (<mach-o/x86_64/reloc.h>).
# target: x86_64-apple-darwin
# base: 0x10000
# covers: X86_64_RELOC_TLV
# expect main: ff 35 fa 0f 00 00 // push slot
# expect 0x11000: 08 20 01 00 00 00 00 00 // the slot: the descriptor's address
# expect 0x12008: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 04 00 00 00 00 00 00 00 // the descriptor
# expect-entries: 0 1
.globl _main
_main:  push _x@TLVP(%rip)
        .data
        .byte 1
        .section __DATA,__thread_vars,thread_local_variables
.globl _x
_x:     .quad __tlv_bootstrap
        .quad 0
        .quad _x$tlv$init
        .section __DATA,__thread_data,thread_local_regular
        .long 7
_x$tlv$init: .long 3
