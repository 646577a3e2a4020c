// Distances count modulo 2^64, as the machine does: from the first addresses back to the last.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: last = 0xfffffffffffff000
// expect main: 00 bc ff 97 // last - place
// expect main+4: 60 ff ff f0 // last
// expect-entries: 1 1
.globl main
main:   bl last
        adrp x0, last
