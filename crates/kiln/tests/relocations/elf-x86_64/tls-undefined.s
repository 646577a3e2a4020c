# A plan has no process to take a thread-local variable from.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect-error: undefined symbol `y`, wanted by tls-undefined.s
.globl main
main:   mov y@gottpoff(%rip), %rax
