// R_AARCH64_CONDBR19, too far down.
// target: aarch64-unknown-linux-gnu
// base: 0x40000000
// define: external = 0x3feffffc
// expect-error: condbr19-below.s: .text+0x0: `external`: R_AARCH64_CONDBR19 at 0x40000000 cannot reach 0x3feffffc: the distance is -0x100004, it takes a multiple of 4 within ±1 MiB
.globl main
main:   cbz x0, external
