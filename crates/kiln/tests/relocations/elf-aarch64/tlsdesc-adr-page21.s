// R_AARCH64_TLSDESC_ADR_PAGE21: Page(GTLSDESC(S+A)) - Page(P); the function of a descriptor is the system's.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSDESC_ADR_PAGE21
// expect main: 80 00 00 90
// expect 0x20020: 00 00 00 00 00 00 00 00 20 00 00 00 00 00 00 00
.globl main
main:   adrp x0, :tlsdesc:x
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
