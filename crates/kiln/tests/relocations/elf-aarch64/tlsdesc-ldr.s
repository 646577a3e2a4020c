// R_AARCH64_TLSDESC_LDR: marks an instruction of a descriptor's sequence; nothing is written.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSDESC_LDR
// expect main: 01 00 40 f9
.globl main
main:   ldr x1, [x0]
        .reloc main, R_AARCH64_TLSDESC_LDR, x
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
