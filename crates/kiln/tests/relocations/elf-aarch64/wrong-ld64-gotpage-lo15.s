// R_AARCH64_LD64_GOTPAGE_LO15 stands in loads of 8 bytes alone.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// retype: .text+0x0 = 313
// expect-error: wrong-ld64-gotpage-lo15.s: .text+0x0: `external`: R_AARCH64_LD64_GOTPAGE_LO15 is for another instruction than 0xb9400000
.globl main
main:   ldr w0, [x0, :lo12:external]
