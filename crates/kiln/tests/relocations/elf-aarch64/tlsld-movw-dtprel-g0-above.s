// DTPREL_G0 takes 17 bits with a sign.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// expect-error: tlsld-movw-dtprel-g0-above.s: .text+0x0: `x`: R_AARCH64_TLSLD_MOVW_DTPREL_G0 wants a signed 17-bit value, and this one is 0x10000
.globl main
main:   movz x0, #:dtprel_g0:x+0xfff0
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
