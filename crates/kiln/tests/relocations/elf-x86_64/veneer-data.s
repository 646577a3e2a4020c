# Where data stands among code, which the relocations show, nothing is taken for code.
# target: x86_64-unknown-linux-gnu
# base: 0x400000
# define: far = 0x7f0000001000
# expect-error: veneer-data.s: .text+0xa: `far`: R_X86_64_PC32 at 0x40000a cannot reach 0x7f0000001000: the distance is 0x7effffc00ff2, it takes a signed 32-bit value
.globl main
main:   jmp 1f
        .byte 0x48
        .long main
1:      mov far(%rip), %rax
        ret
