// Relocation type 512 is a thread-local access: the first one: R_AARCH64_TLSGD_ADR_PREL21, general dynamic.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// retype: .text+0x0 = 512
// expect-error: refused-tls-512.s: .text+0x0: `external`: R_AARCH64_TLS* is a thread-local access, and thread-local variables are not supported yet
.globl main
main:   .word external - .
