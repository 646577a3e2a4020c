# R_X86_64_GOTPCRELX of a call behind rex.W (-fno-plt): it stays, since `data16 addr32 call` is one of 16 bits.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: __tls_get_addr = 0x12345678
# expect main: 66 48 8d 3d 08 10 00 00 66 48 ff 15 f0 0f 00 00 67 e8 62 56 33 12 c3
# expect-entries: 0 1
.globl main
main:   .byte 0x66
        leaq x@tlsgd(%rip), %rdi
        .byte 0x66
        rex64 call *__tls_get_addr@GOTPCREL(%rip)
        call *__tls_get_addr@GOTPCREL(%rip)
        ret
        .section .tdata,"awT",@progbits
        .balign 8
x:      .quad 6
