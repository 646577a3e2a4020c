// IMAGE_REL_ARM64_BRANCH26 that just reaches goes to the symbol; one instruction further, to its stub.
// target: aarch64-pc-windows-msvc
// base: 0x40000000
// define: last = 0x47fffffc
// define: beyond = 0x48000004
// define: first = 0x38000008
// define: before = 0x38000004
// expect main: ff ff ff 95 // last - place
// expect main+4: 06 00 00 94 // stub of beyond - place
// expect main+8: 00 00 00 96 // first - place
// expect main+12: 0a 00 00 94 // stub of before - place
// expect-entries: 4 4
.globl main
main:   bl last
        bl beyond
        bl first
        bl before
