# A reference by the section of a local label, which has no name.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect-error: not-loaded-local.s: .text+0x0: R_X86_64_64 refers to a section that is not loaded
.globl main
main:   .quad note
        .section .comment
note:   .byte 1
