// IMAGE_REL_ARM64_BRANCH14: S - P, tbz and tbnz (PE Format, "ARM64 Processors").
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0xe000
// covers: IMAGE_REL_ARM64_BRANCH14
// expect main: 00 00 0f b6 // external - place
// expect main+4: e0 ff 0e 37 // external - place
.globl main
main:   tbz x0, #33, external
        tbnz w0, #1, external
