// R_AARCH64_TLSGD_ADR_PREL21 is of the tiny code model.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x1234
// retype: .text+0x0 = 512 // R_AARCH64_TLSGD_ADR_PREL21
// expect-error: refused-tls-512.s: .text+0x0: `external`: R_AARCH64_TLS* is a thread-local access of a kind that is not supported
.globl main
main:   .word external - .
