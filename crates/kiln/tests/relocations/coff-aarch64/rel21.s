// IMAGE_REL_ARM64_REL21: S + A - P, the addend in the field (PE Format, "ARM64 Processors").
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: external = 0x18003
// covers: IMAGE_REL_ARM64_REL21
// expect main: 00 00 04 70 // external - place
// expect main+4: e1 ff fb 70 // external - 0x10000 - place
.globl main
main:   adr x0, external
        adr x1, external - 0x10000
