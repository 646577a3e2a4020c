# Local labels: the relocation names the section, the addend the place in it.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect main: 17 00 01 00 00 00 00 00 // .Lhere
# expect main+8: 1f 00 01 00 00 00 00 00 // .Lthere + 2: the section stands at 0x10018
# expect main+19: 06 00 00 00 // .Lthere - 4 - place
.globl main
main:   .quad .Lhere
        .quad .Lthere + 2
        lea .Lthere(%rip), %rax
.Lhere: nop
        .section .text.other, "ax", @progbits
        .zero 5
.Lthere: nop
