# Of a thread-local variable, SECREL counts from the beginning of each thread's copy (*PE Format*, "The .tls Section").
# target: x86_64-pc-windows-msvc
# base: 0x10000
# define: _tls_index = 0x5000
# expect main: 8b 05 fa 4f ff ff // _tls_index - 4 - place
# expect main+6: 48 8d 80 04 00 00 00
# expect main+13: 48 8d 80 14 00 00 00
# expect 0x11000: 01 00 00 00 02 00 00 00
.globl main
main:   mov _tls_index(%rip), %eax
        lea second@SECREL32(%rax), %rax
        lea third@SECREL32(%rax), %rax
        .data
        .zero 100
        .section .tls$, "dw"
        .balign 16
first:  .long 1
        .globl second
second: .long 2
        .zero 12
third:  .long 3
