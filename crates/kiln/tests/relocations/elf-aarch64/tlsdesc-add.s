// R_AARCH64_TLSDESC_ADD: marks an instruction of a descriptor's sequence; nothing is written.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSDESC_ADD
// expect main: 00 00 01 8b
.globl main
main:   add x0, x0, x1
        .reloc main, R_AARCH64_TLSDESC_ADD, x
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
