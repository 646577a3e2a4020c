// R_AARCH64_JUMP26 that just reaches goes to the symbol; one instruction further, to its stub.
// target: aarch64-unknown-linux-gnu
// base: 0x40000000
// define: last = 0x47fffffc
// define: beyond = 0x48000004
// define: first = 0x38000008
// define: before = 0x38000008
// expect main: ff ff ff 15 // last - place
// expect main+4: 06 00 00 14 // stub of beyond - place
// expect main+8: 00 00 00 16 // first - place
// expect main+12: 07 00 00 14 // stub of before, which is first - place
// expect-entries: 3 3
.globl main
main:   b last
        b beyond
        b first
        b before
