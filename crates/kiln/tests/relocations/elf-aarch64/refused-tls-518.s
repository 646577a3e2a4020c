// Relocation type 518 is a thread-local access: R_AARCH64_TLSLD_ADR_PAGE21, local dynamic.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// retype: .text+0x0 = 518
// expect-error: refused-tls-518.s: .text+0x0: `external`: R_AARCH64_TLS* is a thread-local access, and thread-local variables are not supported yet
.globl main
main:   .word external - .
