// R_AARCH64_CONDBR19, too far up.
// target: aarch64-unknown-linux-gnu
// base: 0x40000000
// define: external = 0x40100000
// expect-error: condbr19-above.s: .text+0x0: `external`: R_AARCH64_CONDBR19 at 0x40000000 cannot reach 0x40100000: the distance is 0x100000, it takes a multiple of 4 within ±1 MiB
.globl main
main:   cbz x0, external
