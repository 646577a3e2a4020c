// IMAGE_REL_ARM64_BRANCH19 that is no multiple of 4.
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x10002
// expect-error: branch19-misaligned.s: .text+0x0: `external`: IMAGE_REL_ARM64_BRANCH19 at 0x10000 cannot reach 0x10002: the distance is 0x2, it takes a multiple of 4 within ±1 MiB
.globl main
main:   b.eq external
