// R_AARCH64_LD_PREL_LO19 that is no multiple of 4.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x10000
// expect-error: ld-prel-lo19-misaligned.s: .text+0x0: `external`: R_AARCH64_LD_PREL_LO19 at 0x10000 cannot reach 0x10000: the distance is 0x1, it takes a multiple of 4 within ±1 MiB
.globl main
main:   ldr x0, external + 1
