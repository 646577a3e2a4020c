// R_AARCH64_TLSGD_ADD_LO12_NC: GTLSIDX(S,A), bits 0 to 11.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// covers: R_AARCH64_TLSGD_ADD_LO12_NC
// retype: .text+0x0 = 514 // R_AARCH64_TLSGD_ADD_LO12_NC
// expect main: 00 80 00 91
// expect 0x20020: 01 00 00 00 00 00 00 00 10 00 00 00 00 00 00 00
.globl main
main:   add x0, x0, :lo12:x
        .section .tdata,"awT",%progbits
        .balign 16
        .quad 5, 6
x:      .quad 7, 8
