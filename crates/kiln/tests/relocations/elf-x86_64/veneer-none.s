# What goes elsewhere through an address far away has no veneer: what returns there would not return here.
# target: x86_64-unknown-linux-gnu
# base: 0x400000
# define: far = 0x7f0000001000
# expect-error: veneer-none.s: .text+0x3: `far`: R_X86_64_32S wants a signed 32-bit value, and this one is 0x7f0000001000
.globl main
main:   call *far(,%rax,8)
        .data
        .long main
