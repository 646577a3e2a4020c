// R_AARCH64_GOTPCREL32: G + A - P, 4 bytes (AAELF64, "GOT-relative").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// covers: R_AARCH64_GOTPCREL32
// retype: .text+0x0 = 315 // R_AARCH64_GOTPCREL32
// retype: .text+0x4 = 315
// expect main: 00 00 01 00 // slot - place
// expect main+4: 00 00 01 00 // slot + 4 - place
// expect 0x20000: 78 56 34 12 00 00 00 00 // the slot: external
// expect-entries: 0 1
.globl main
main:   .word external - .
        .word external - . + 4
