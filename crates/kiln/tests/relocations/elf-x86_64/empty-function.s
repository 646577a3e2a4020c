# The description of no code is made one that unwinders skip: they would take it for that of the function behind it.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect 0x11018: 10 00 00 00 1c 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 // would be e0 ef ff ff
# expect 0x1102c: 10 00 00 00 30 00 00 00 cc ef ff ff 02 00 00 00 00 00 00 00 // main
.globl main
        .cfi_startproc
        .cfi_endproc
main:   .cfi_startproc
        nop
        ret
        .cfi_endproc
