// IMAGE_REL_ARM64_ADDR32NB as far as it goes: 0 and 2^32 - 1 from the base.
// target: aarch64-pc-windows-msvc
// base: 0x10000
// define: last = 0x10000ffff
// expect main: ff ff ff ff // last - base
// expect main+4: 00 00 00 00 // main - base
.globl main
main:   .rva last
        .rva main
