// R_AARCH64_GOT_LD_PREL19, too far up.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// expect-error: got-ld-prel19-above.s: .text+0x0: `external`: R_AARCH64_GOT_LD_PREL19 at 0x10000 cannot reach 0x12345678: the distance is 0x100000, it takes a multiple of 4 within ±1 MiB
.globl main
main:   ldr x0, :got:external
        .zero 0xffffc
