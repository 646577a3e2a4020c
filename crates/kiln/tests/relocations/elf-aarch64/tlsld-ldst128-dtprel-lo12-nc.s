// R_AARCH64_TLSLD_LDST128_DTPREL_LO12_NC: DTPREL(S+A), bits 0 to 11.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSLD_LDST128_DTPREL_LO12_NC
// retype: .text+0x0 = 573 // R_AARCH64_TLSLD_LDST128_DTPREL_LO12_NC
// expect main: 00 18 c1 3d
.globl main
main:   ldr q0, [x0, :lo12:x+0x123450]
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
