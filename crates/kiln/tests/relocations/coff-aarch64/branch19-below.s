// IMAGE_REL_ARM64_BRANCH19, too far down.
// target: aarch64-pc-windows-msvc
// base: 0x40000000
// define: external = 0x3feffffc
// expect-error: branch19-below.s: .text+0x0: `external`: IMAGE_REL_ARM64_BRANCH19 at 0x40000000 cannot reach 0x3feffffc: the distance is -0x100004, it takes a multiple of 4 within ±1 MiB
.globl main
main:   cbz x0, external
