# A thread-local variable.
# target: x86_64-pc-windows-msvc
# base: 0x10000
# expect-error: refused-thread-local.s: .tls$: thread-local variables are not supported yet
.globl main
main:   ret
        .section .tls$, "dw"
        .globl variable
variable: .long 1
