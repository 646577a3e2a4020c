// IMAGE_REL_ARM64_BRANCH14 as far as it reaches: -0x8000 and 0x7ffc from the place.
// target: aarch64-pc-windows-msvc
// base: 0x40000000
// define: last = 0x40007ffc
// define: first = 0x3fff8004
// expect main: e0 ff 0b 36 // last - place
// expect main+4: 00 00 0c 36 // first - place
.globl main
main:   tbz x0, #1, last
        tbz x0, #1, first
