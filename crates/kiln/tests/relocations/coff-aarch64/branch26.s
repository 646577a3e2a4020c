// IMAGE_REL_ARM64_BRANCH26: S - P (PE Format, "ARM64 Processors").
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x18000
// covers: IMAGE_REL_ARM64_BRANCH26
// expect main: 00 20 00 94 // external - place
// expect main+4: ff 1f 00 14 // external - place
.globl main
main:   bl external
        b external
