# Thread-local variables in a section that is executable.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect-error: tls-executable.s: .odd: the section is executable and holds thread-local variables
.globl main
main:   ret
        .section .odd,"axT",@progbits
        .long 7
