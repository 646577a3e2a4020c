# A compact unwind table becomes call frame information where __eh_frame has none.
# target: x86_64-apple-darwin
# base: 0x10000
# expect 0x11000: 14 00 00 00 00 00 00 00 01 7a 52 00 01 78 10 01 10 0c 07 08 90 01 00 00 // what functions have in common
# expect 0x11018: 1c 00 00 00 1c 00 00 00 e0 ef ff ff ff ff ff ff 03 00 00 00 00 00 00 00 00 // of f: 3 bytes at f - P
# expect 0x11031: 0c 06 10 86 02 00 00 00 00 00 00 // 16 bytes behind rbp, which is saved; the end
.globl _f
_f:     push %rbp
        pop %rbp
        ret
        .section __LD,__compact_unwind,regular,debug
        .quad _f
        .long 3, 0x01000000
        .quad 0, 0
