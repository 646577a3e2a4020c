// R_AARCH64_TLSDESC_LD64_LO12: GTLSDESC(S+A), bits 3 to 11.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSDESC_LD64_LO12
// expect main: 01 10 40 f9
// expect 0x20020: 00 00 00 00 00 00 00 00 20 00 00 00 00 00 00 00
.globl main
main:   ldr x1, [x0, :tlsdesc_lo12:x]
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
