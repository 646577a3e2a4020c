// The addend of a GOT relocation belongs to the address in the slot, so another addend has another slot (AAELF64, `GDAT(S+A)`).
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// expect main: 80 00 00 90 00 00 40 f9 // adrp, ldr: first slot
// expect main+8: 01 04 40 f9 // second slot
// expect 0x20000: 80 56 34 12 00 00 00 00 // external + 8
// expect 0x20008: 78 56 34 12 00 00 00 00 // external
// expect-entries: 0 2
.globl main
main:   adrp x0, :got:external + 8
        ldr x0, [x0, :got_lo12:external + 8]
        ldr x1, [x0, :got_lo12:external]
