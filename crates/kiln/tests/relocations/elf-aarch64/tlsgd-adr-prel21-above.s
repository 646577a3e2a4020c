// The tiny code model reaches 1 MiB.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// expect-error: tlsgd-adr-prel21-above.s: .text+0x0: `x`: R_AARCH64_TLSGD_ADR_PREL21 at 0x10000 cannot reach 0x120020: the distance is 0x110020, it takes a signed 21-bit value
.globl main
main:   adr x0, #0
        .reloc main, R_AARCH64_TLSGD_ADR_PREL21, x
        .zero 0x10fff0
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
