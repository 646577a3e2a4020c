// R_AARCH64_GOTPCREL32 as far as it reaches: -2^31 and 2^31 - 1 from the place.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// retype: .text+0x0 = 315 // R_AARCH64_GOTPCREL32
// retype: .text+0x4 = 315
// expect main: ff ff ff 7f // slot + 0x7ffeffff - place
// expect main+4: 00 00 00 80 // slot - 0x8000fffc - place
.globl main
main:   .word external - . + 0x7ffeffff
        .word external - . - 0x8000fffc
