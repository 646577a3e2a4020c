// IMAGE_REL_ARM64_SECTION: the number of the segment that the symbol is in: text, constants, data (*PE Format*).
// target: aarch64-pc-windows-msvc
// base: 0x10000
// covers: IMAGE_REL_ARM64_SECTION
// expect main: 01 00 02 00 03 00
.globl main
main:   .secidx main
        .secidx constant
        .secidx value
        .section .rdata,"dr"
constant: .byte 0
        .data
value:  .byte 0
