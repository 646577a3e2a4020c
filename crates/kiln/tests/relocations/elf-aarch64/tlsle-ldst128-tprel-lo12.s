// R_AARCH64_TLSLE_LDST128_TPREL_LO12: TPREL(S+A), 12 bits.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSLE_LDST128_TPREL_LO12
// retype: .text+0x0 = 570 // R_AARCH64_TLSLE_LDST128_TPREL_LO12
// expect main: 00 08 c0 3d
.globl main
main:   ldr q0, [x0, :lo12:x]
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
