// Relocation type 573 is a thread-local access: the last one: R_AARCH64_TLSLD_LDST128_DTPREL_LO12_NC, local dynamic.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// retype: .text+0x0 = 573
// expect-error: refused-tls-573.s: .text+0x0: `external`: R_AARCH64_TLS* is a thread-local access, and thread-local variables are not supported yet
.globl main
main:   .word external - .
