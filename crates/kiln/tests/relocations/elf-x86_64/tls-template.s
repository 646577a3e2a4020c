# The distance of the block is known when its initial image is complete, and not before.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# expect-error: tls-template.s: .tdata+0x0: `x`: R_X86_64_TPOFF64 stands in the initial image of thread-local storage
.globl main
main:   ret
        .section .tdata,"awT",@progbits
x:      .quad x@tpoff
