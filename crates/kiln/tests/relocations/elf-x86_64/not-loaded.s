# A reference into a section that is not in the image.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect-error: not-loaded.s: .text+0x0: `note`: R_X86_64_64 refers to a section that is not loaded
.globl main
main:   .quad note
        .section .comment
        .globl note
note:   .byte 1
