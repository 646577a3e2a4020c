// The image in the last 2 GiB of the address space.
// target: aarch64-unknown-linux-gnu
// base: 0xffffffff80000000
// define: external = 0xffffffff80001000
// expect main: 00 04 00 94 // external - place
// expect main+4: 00 00 00 90 // main
// expect main+8: c1 7f 00 58 // external - place
// expect main+12: 00 00 00 80 ff ff ff ff // main
// expect-entries: 1 1
.globl main
main:   bl external
        adrp x0, main
        ldr x1, external
        .xword main
