# A thread-local variable has another address in each thread.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect-error: tls-address.s: .text+0x3: `x`: R_X86_64_PC32 of a thread-local variable, which has another address in each thread
.globl main
main:   lea x(%rip), %rax
        .section .tdata,"awT",@progbits
x:      .quad 6
