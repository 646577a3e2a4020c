// R_AARCH64_TLSLD_LDST128_DTPREL_LO12: DTPREL(S+A), 12 bits.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSLD_LDST128_DTPREL_LO12
// retype: .text+0x0 = 572 // R_AARCH64_TLSLD_LDST128_DTPREL_LO12
// expect main: 00 04 c0 3d
.globl main
main:   ldr q0, [x0, :lo12:x]
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
