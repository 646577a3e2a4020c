// R_AARCH64_LD64_GOTPAGE_LO15: G - Page(GOT), in units of 8 (AAELF64, "GOT-relative instruction relocations").
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// define: other = 0x7f0000000000
// covers: R_AARCH64_LD64_GOTPAGE_LO15
// expect main: 00 00 40 f9 21 04 40 f9 // first slot, second slot
// expect 0x20000: 78 56 34 12 00 00 00 00 // external
// expect 0x20008: 00 00 00 00 00 7f 00 00 // other
// expect-entries: 0 2
.globl main
main:   ldr x0, [x0, :gotpage_lo15:external]
        ldr x1, [x1, :gotpage_lo15:other]
