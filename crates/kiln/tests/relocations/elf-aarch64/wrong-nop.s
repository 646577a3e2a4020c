// A relocation for a branch, on a nop.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// expect-error: wrong-nop.s: .text+0x0: R_AARCH64_CALL26 is for another instruction than 0xd503201f
.globl main
main:   .reloc ., R_AARCH64_CALL26
        nop
