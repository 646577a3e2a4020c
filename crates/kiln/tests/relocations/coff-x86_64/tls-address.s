# A thread-local variable has no address that one word could hold.
# target: x86_64-pc-windows-msvc
# base: 0x10000
# expect-error: tls-address.s: .data+0x0: `variable`: IMAGE_REL_AMD64_ADDR64 of a thread-local variable, which has another address in each thread
.globl main
main:   ret
        .data
        .quad variable
        .section .tls$, "dw"
        .globl variable
variable: .long 1
