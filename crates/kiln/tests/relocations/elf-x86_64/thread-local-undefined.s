# A thread-local variable of another input, by the local exec model.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect-error: thread-local-undefined.s: `variable`: thread-local variables are not supported yet
.globl main
main:   mov %fs:variable@TPOFF, %eax
