// IMAGE_REL_ARM64_REL32 as far as it reaches: -2^31 and 2^31 - 1 from behind the field.
// target: aarch64-pc-windows-msvc
// base: 0x200000000
// define: last = 0x280000003
// define: first = 0x180000008
// expect main: ff ff ff 7f // last - 4 - place
// expect main+4: 00 00 00 80 // first - 4 - place
.globl main
main:   .long last - . - 4
        .long first - . - 4
