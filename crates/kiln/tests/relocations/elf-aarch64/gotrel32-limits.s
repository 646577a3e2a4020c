// R_AARCH64_GOTREL32 as far as it reaches, up and down.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: above = 0x8001ffff
// define: below = 0xffffffff80020000
// retype: .text+0x0 = 308
// retype: .text+0x4 = 308
// expect main: ff ff ff 7f 00 00 00 80
.globl main
main:   .word above
        .word below
