# A thread-local variable is refused even if nothing refers to it.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect-error: thread-local.s: .tdata: thread-local variables are not supported yet
.globl main
main:   ret
        .section .tdata, "awT", @progbits
        .globl variable
        .type variable, @object
variable: .quad 1
