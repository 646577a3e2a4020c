// IMAGE_REL_ARM64_BRANCH19: S - P, b.cond, cbz and cbnz (PE Format, "ARM64 Processors").
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x18000
// covers: IMAGE_REL_ARM64_BRANCH19
// expect main: 01 00 04 54 // external - place
// expect main+4: e1 ff 03 b4 // external - place
// expect main+8: c2 ff 03 35 // external - place
.globl main
main:   b.ne external
        cbz x1, external
        cbnz w2, external
