// R_AARCH64_TLSLE_ADD_TPREL_HI12, where the distance has more than 24 bits.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// expect-error: tls-hi12-above.s: .text+0x0: `x`: R_AARCH64_TLSLE_ADD_TPREL_HI12 wants an unsigned 24-bit value, and this one is 0x1000010
.globl main
main:   add x0, x0, :tprel_hi12:x+0x1000000
        .section .tdata,"awT",%progbits
x:      .quad 6
