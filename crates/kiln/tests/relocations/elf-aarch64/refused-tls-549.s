// Relocation type 549 is a thread-local access: R_AARCH64_TLSLE_ADD_TPREL_HI12, local exec.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// retype: .text+0x0 = 549
// expect-error: refused-tls-549.s: .text+0x0: `external`: R_AARCH64_TLS* is a thread-local access, and thread-local variables are not supported yet
.globl main
main:   .word external - .
